import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.ops.exact_spans import ExactSpans
from lmloop.testing.ops import check_op

SPLIT = {
    "line": re.compile(r"(\n)"),
    "paragraph": re.compile(r"(\n{2,})"),
    # what the texts of these tests need: marks, then white space or, behind a Chinese one, nothing
    "sentence": re.compile(r"((?<=[.。])(?:(?<=。)(?![.。])|\s+)|\n+)"),
}


def plain_pieces(text: str, unit: str) -> list[tuple[str, str]]:
    """Cut a text into pieces with the separator behind each."""
    parts = SPLIT[unit].split(text)
    pieces = list(zip(parts[::2], [*parts[1::2], ""], strict=True))
    if unit != "line" and len(pieces) > 1 and pieces[-1] == ("", ""):
        pieces.pop()
    return pieces


def plain(texts: list[str], op: ExactSpans) -> list[str]:
    """Cut by the definition, with no hash."""
    pieces = [plain_pieces(text, op.unit) for text in texts]
    spans = [
        (d, i, tuple(piece for piece, _ in row[i : i + op.n]))
        for d, row in enumerate(pieces)
        for i in range(len(row) - op.n + 1)
        if sum(len(piece) for piece, _ in row[i : i + op.n]) >= op.min_characters
    ]
    counts: dict[tuple[str, ...], int] = {}
    for *_, span in spans:
        counts[span] = counts.get(span, 0) + 1
    gone, met = [set[int]() for _ in texts], set[tuple[str, ...]]()
    for d, i, span in spans:
        if span in met and counts[span] >= op.min_copies:
            gone[d].update(range(i, i + op.n))
        met.add(span)
    left = []
    for row, cut in zip(pieces, gone, strict=True):
        kept = [piece for i, piece in enumerate(row) if i not in cut]
        if cut and not sum(len(piece) for piece, _ in kept):
            continue
        if cut and len(row) - 1 in cut:
            kept[-1:] = [(piece, "") for piece, _ in kept[-1:]]
        left.append("".join(piece + separator for piece, separator in kept))
    return left


TEXTS = st.lists(
    st.lists(st.sampled_from(["a b.", "a b. ", "海。", "海", "\n", "\n\n", "x."]), max_size=8).map("".join)
)
OPS = st.builds(
    ExactSpans,
    unit=st.sampled_from(["line", "paragraph"]),
    n=st.integers(1, 3),
    min_characters=st.integers(0, 5),
    min_copies=st.integers(2, 3),
)


@given(TEXTS, OPS)
def test_lines_and_paragraphs_that_stood_before_are_cut(texts, op):
    assert op(texts).texts == plain(texts, op)


SENTENCES = st.lists(st.lists(st.sampled_from(["a b. ", "海。", "X y. ", "的了。", "z. "]), max_size=8).map("".join))


@given(SENTENCES, st.integers(1, 3), st.integers(0, 5))
def test_sentences_that_stood_before_are_cut(texts, n, least):
    texts = [text.strip() for text in texts]
    op = ExactSpans(unit="sentence", n=n, min_characters=least)
    assert op(texts).texts == plain(texts, op)


MENU, MENU_ZH = "Menu | Home | Search | Log in", "首页 | 新闻 | 登录 | 联系我们 | 版权所有 侵权必究"
RIGHTS, RIGHTS_ZH = "All rights are reserved.\nNone.", "版权所有，未经许可不得以任何方式转载本站内容。"
SAID, SAID_ZH = "He said that it was so.", "本文仅代表作者个人观点，与本网站的立场无关。"


@pytest.mark.parametrize(
    ("unit", "first", "second", "left"),
    [
        ("line", f"{MENU}\nNews of today.", f"{MENU}\nMore.", "More."),
        ("line", f"{MENU_ZH}\n今天的新闻。", f"{MENU_ZH}\n更多。", "更多。"),
        ("paragraph", f"{RIGHTS}\n\nOne.", f"Two.\n\n{RIGHTS}", "Two."),
        ("paragraph", f"{RIGHTS_ZH}\n\n一。", f"二。\n\n{RIGHTS_ZH}", "二。"),
        ("sentence", f"{SAID} And so on.", f"Well. {SAID} Was it?", "Well. Was it?"),
        ("sentence", f"{SAID_ZH}完。", f"不是。{SAID_ZH}是吗？", "不是。是吗？"),
    ],
)
def test_in_both_languages(unit, first, second, left):
    outcome = ExactSpans(unit=unit)([first, second])
    assert outcome.texts == [first, left]
    assert outcome.batch.column("stats.exact-spans.spans_cut").to_pylist() == [0, 1]


def test_the_battery_of_other_settings():
    check_op(ExactSpans(unit="sentence", n=3, min_left=0.5))
    check_op(ExactSpans(unit="line", min_copies=3))
