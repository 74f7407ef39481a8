"""FineWeb's rules against the authors' code, written plainly; and how they are read in Chinese."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from op_texts import CHINESE, ENGLISH, PIECES

from lmloop.kernels.sentences import CJK_TERMINAL, TERMINAL, terminals
from lmloop.ops.fineweb_quality import FinewebQuality

MARKS = tuple(map(chr, np.flatnonzero(np.isin(terminals(), (TERMINAL, CJK_TERMINAL))).tolist()))
FOREIGN = [piece for piece in PIECES if not re.search("[\u0e00-\u0eff\u2e80-\ufffc\U00020000”]", piece)]
TEXTS = st.lists(st.sampled_from(FOREIGN), max_size=80).map("".join)


def plain(text: str) -> str:
    """Give the first rule that is broken; words are not counted."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return "empty"
    if sum(line.endswith(MARKS) for line in lines) / len(lines) < 0.12:
        return "unpunctuated-lines"
    if sum(len(line) <= 30 for line in lines) / len(lines) > 0.67:
        return "short-lines"
    again = sum(len(line) for place, line in enumerate(lines) if line in lines[:place])
    return "duplicate-line-characters" if again / len(text.replace("\n", "")) > 0.01 else "kept"


@given(st.lists(TEXTS, max_size=4))
def test_it_is_the_authors_code(texts):
    outcome = FinewebQuality(max_newlines_a_word=1e9)(texts)
    reasons = dict(zip(*(outcome.dropped.column(name).to_pylist() for name in ("text", "drop.reason")), strict=True))
    assert [reasons.get(text, "kept") for text in texts] == [plain(text) for text in texts]


def test_the_paper_s_terminal_marks_are_known():
    assert set(".!?。！？…؟।") - set(MARKS) == {"…"}, "an ellipsis ends no sentence"


def test_each_rule_in_both_languages():
    prose, chinese = f"{ENGLISH}\n{ENGLISH[:90]}.", f"{CHINESE}\n{CHINESE[:40]}。"
    outcome = FinewebQuality()(
        [
            *(prose, chinese, " \n ", "no mark at the end of this line, which is long enough"),
            *(
                "Short.\nLine.\nHere.",
                "短的一行。\n又一行。\n再一行。",
                f"{ENGLISH}\n{ENGLISH}",
                f"{CHINESE}\n{CHINESE}",
            ),
        ]
    )
    assert outcome.texts == [prose, chinese]
    assert outcome.dropped.column("drop.reason").to_pylist() == [
        *("empty", "unpunctuated-lines", "short-lines", "short-lines"),
        *("duplicate-line-characters", "duplicate-line-characters"),
    ]


def test_lists_go_by_newlines_a_word():
    words = "\n\n".join(f"w{i}{'x' * 35}." for i in range(20))
    assert FinewebQuality()([words]).reasons == {"list": 1}
    assert FinewebQuality(max_newlines_a_word=3)([words]).texts == [words]


def test_a_closing_quote_ends_a_chinese_line():
    line = "他说这个地方的天气一直都是这样的，没有什么好奇怪的，所以大家都不在意。”"
    assert FinewebQuality()([line]).texts == [line]
