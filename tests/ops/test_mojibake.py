"""Text is misread on purpose, and must come back; text that was read rightly must not change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_texts import CHINESE, ENGLISH

from lmloop.ops.mojibake import Mojibake

GERMAN = "Die größten Köche müssen früh aufstehen, heißt es – und “so weiter”."
RUSSIAN = "Мы долго шли вдоль моря, и никто не хотел домой."


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (GERMAN, "utf-8", "cp1252"),
        (GERMAN.replace("“", '"').replace("”", '"').replace("–", "-"), "utf-8", "latin-1"),
        (CHINESE, "utf-8", "latin-1"),
        (CHINESE, "gbk", "latin-1"),
        (RUSSIAN, "utf-8", "cp1251"),
        ("Les élèves étaient déjà là, à côté.", "utf-8", "macroman"),
        ("这句话有八个字。他们", "utf-8", "gb18030"),
    ],
)
def test_misread_text_comes_back(text, right, wrong):
    try:
        misread = text.encode(right).decode(wrong)
    except UnicodeDecodeError:
        pytest.skip(f"{wrong} has no such bytes")
    outcome = Mojibake()([misread, f"{ENGLISH}\n{misread}\n{ENGLISH}"])
    assert outcome.texts == [text, f"{ENGLISH}\n{text}\n{ENGLISH}"]
    assert outcome.batch.column("stats.mojibake.repaired").to_pylist() == [True, True]


def test_what_is_lost_is_counted_and_too_much_drops():
    torn = CHINESE.encode().decode("gbk", "replace")
    outcome = Mojibake()([torn, "锟斤拷" * 9, "\ufffd", ENGLISH + "\ufffd"])
    assert outcome.reasons == {"beyond-repair": 3}
    assert outcome.texts == [ENGLISH + "\ufffd"]
    assert Mojibake(max_lost=1)([torn]).texts[0][:4] == CHINESE[:4]


@pytest.mark.parametrize(
    "text",
    [
        *(
            ENGLISH,
            CHINESE,
            GERMAN,
            RUSSIAN,
            "«\xa0oui\xa0», l’été… déjà vu — ça",
            "Größe: 10 µm “ok” Ø£",
            "",
            "é",
            "\x00",
        ),
        *(
            "联通 涓涓细流 缁绊",
            "a < b && c > d",
            "naïve façade — “quoted”",
            "Ã la carte? Â no",
            "ＡＢＣ，ｱｲｳ",
            "日本語のテキスト",
        ),
    ],
)
def test_good_text_is_left_alone(text):
    assert Mojibake()([text]).texts == [text]


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn"), max_codepoint=0x9FFF), max_size=8)))
def test_chinese_among_anything_is_left_alone(texts):
    texts = [CHINESE + text.replace("\ufffd", "").replace("&", "") for text in texts]
    outcome = Mojibake(max_lost=1)(texts)
    assert all(text.startswith(CHINESE) for text in outcome.texts)


def test_entities_become_characters_where_there_are_no_tags():
    texts = ["a &amp; b &lt; c &#20013;", "<b>a &amp; b</b>"]
    assert Mojibake()(texts).texts == ["a & b < c 中", texts[1]]
    assert Mojibake(entities=False)(texts).texts == texts
