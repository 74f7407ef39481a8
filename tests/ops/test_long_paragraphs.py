from hypothesis import given
from op_texts import COLUMNS

from lmloop.ops.long_paragraphs import LongParagraphs


@given(COLUMNS)
def test_it_counts_long_lines(texts):
    kept = [text for text in texts if sum(len(line) >= 9 for line in text.split("\n")) >= 2]
    assert LongParagraphs(min_paragraphs=2, min_characters=9)(texts).texts == kept


def test_the_default_is_mc4_s():
    good, bad = "\n".join(["x" * 200] * 3), "\n".join(["字" * 199, "x" * 200, "x" * 200])
    outcome = LongParagraphs()([good, bad])
    assert (outcome.texts, outcome.reasons) == ([good], {"few-long-paragraphs": 1})
