import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.ops.bad_words import BadWords

WORDS = ["darn", "two words", "该死", "ñandú"]


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("Darn it, DARN!", 2),
        ("darning and undarn, darn_it, darn2", 0),
        ("(darn)", 1),
        ("two words, two  words", 1),
        ("真该死的天气，该死", 2),
        ("El ÑANDÚ corre", 1),
        ("", 0),
        ("d", 0),
        ("\x00darn\x00", 1),
    ],
)
def test_matches(text, matches):
    assert BadWords(words=WORDS, max_matches=99)([text]).batch.column("stats.bad-words.matches").to_pylist() == [
        matches
    ]
    assert len(BadWords(words=WORDS)([text]).texts) == (matches == 0)
    assert len(BadWords(words=WORDS, max_matches=1)([text]).texts) == (matches <= 1)


def test_lists_are_files_beside_the_recipe(tmp_path):
    (tmp_path / "zh.txt").write_text("# 词表\n\n该死\n", encoding="utf-8")
    assert BadWords(files=[str(tmp_path / "zh.txt")])(["该死", "好的"]).texts == ["好的"]
    assert BadWords()(["anything"]).texts == ["anything"]


@given(st.lists(st.text("ab _1", max_size=12)))
def test_words_stand_alone(texts):
    def alone(text: str) -> int:
        padded = f" {text} "
        return sum(
            padded[i] == "a" and not any(c.isalnum() or c == "_" for c in (padded[i - 1], padded[i + 1]))
            for i in range(1, len(padded) - 1)
        )

    found = BadWords(words=["a"], max_matches=99)(texts).batch.column("stats.bad-words.matches").to_pylist()
    assert found == [alone(text) for text in texts]
