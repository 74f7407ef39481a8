import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmloop.kernels.text import text_buffer
from lmloop.kernels.tokenizing.backends import ODD
from lmloop.kernels.tokenizing.classes import PATTERNS, classes, matching
from lmloop.kernels.tokenizing.counting import PieceCounter, cut_texts
from lmloop.kernels.tokenizing.cutting import known_cuts
from lmloop.kernels.tokenizing.patterns import pattern
from lmloop.testing.samples import HOSTILE

tokenizers = pytest.importorskip("tokenizers")

TRICKY = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *"aZé中カー1٣½ \n\r\t.'’-_(\u3000\u00a0\u200b\u0301ßǅſ😀〇〸㋐",
                "'s",
                "'LL",
                "'ſ",
                "\r\n",
                "    ",
                "readFile",
                "HTTPServer",
            ]
        ),
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from([" " * 70, "a" * 130, "A" * 65, "中" * 70, "!" * 66, "\n" * 66, "7" * 5]),
    ),
    max_size=40,
).map("".join)


def reference(regex: str, text: str) -> list[str]:
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(regex), "isolated")
    return [piece for piece, _ in split.pre_tokenize_str(text)]


def ours(regex: str, text: str) -> list[str]:
    return [piece.decode() for piece in cut_texts(text_buffer(pa.array([text])), known_cuts()[regex])]


@pytest.mark.parametrize("regex", known_cuts())
def test_pieces_are_those_of_the_reference_on_odd_texts(regex):
    for text in (*ODD, *HOSTILE[:-4], "I'll go  on\n\n  x = readFile('a')\r\n\t\tend 12345"):
        assert ours(regex, text) == reference(regex, text)


@settings(deadline=None, max_examples=150)
@given(text=TRICKY, regex=st.sampled_from(list(known_cuts())))
def test_pieces_are_those_of_the_reference_on_any_text(text, regex):
    assert ours(regex, text) == reference(regex, text)


@pytest.mark.slow
@pytest.mark.parametrize("flag", PATTERNS)
def test_the_table_of_classes_is_the_librarys_own(flag):
    assert np.array_equal((classes() & flag) > 0, matching(PATTERNS[flag]))


def test_pieces_are_counted_and_the_rarest_forgotten():
    cut = known_cuts()[pattern("gpt4")]
    counter = PieceCounter(cut)
    counter.add(text_buffer(pa.array(["ab ab", "ab 中"])))
    counter.add(text_buffer(pa.array([" ab"])))
    found = counter.counted()
    pieces = [found.data[a:b].tobytes().decode() for a, b in zip(found.offsets, found.offsets[1:], strict=False)]
    assert dict(zip(pieces, found.counts.tolist(), strict=True)) == {"ab": 2, " ab": 2, " 中": 1}

    small = PieceCounter(cut, most=1 << 12)
    rare = [
        f"w{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676 % 26)}{chr(97 + n // 17576)}"
        for n in range(90_000)
    ]
    small.add(text_buffer(pa.array([*rare, *["often"] * 500])))
    kept = small.counted()
    assert len(kept.counts) < 1 << 16
    assert small.forgotten > 0
    assert kept.counts.max() == 500
    assert small.forgotten + kept.counts.sum() == 90_500
