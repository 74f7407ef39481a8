"""C4's rules against the authors' code, written plainly; and how they are read in Chinese."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_texts import CHINESE, ENGLISH, PIECES

from lmloop.kernels.c4 import RULES
from lmloop.ops.c4 import C4

POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
FOREIGN = [piece for piece in PIECES if not re.search("[\u0e00-\u0eff\u2e80-\ufffd\U00020000。！”]", piece)]
LINES = st.lists(st.sampled_from(FOREIGN), max_size=80).map("".join)


def plain(text: str, rules: list[str]) -> str | None:
    """Give what is left of a text, or None where it goes; sentences are not counted."""
    kept = []
    for line in map(str.strip, text.splitlines()):
        words = line.split()
        if any(len(word) > 1000 for word in words) or len(words) < 3:
            continue
        left = CITATION.sub("", line) if "citations" in rules else line
        if "terminal-mark" in rules and (not left.endswith((".", "?", "!", '"', "'")) or left.endswith("...")):
            continue
        low = left.lower()
        if "lorem-ipsum" in rules and "lorem ipsum" in low:
            return None
        if "javascript" in rules and "javascript" in low:
            continue
        if "curly-bracket" in rules and "{" in left:
            return None
        if not ("policy" in rules and any(phrase in low for phrase in POLICY)):
            kept.append(left)
    return "\n".join(kept)


@given(st.lists(LINES, max_size=4), st.lists(st.sampled_from(RULES), unique=True) | st.just(list(RULES)))
def test_it_is_the_authors_code(texts, rules):
    outcome = C4(min_sentences=0, rules=rules)(texts)
    expected = [plain(text, rules) for text in texts]
    assert outcome.texts == [text for text in expected if text is not None]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "This line stays here.\nMenu\nno mark at the end\nAnd this one too!",
            "This line stays here.\nAnd this one too!",
        ),
        ("We were there [12] and back [edit].\nTwo words.", "We were there  and back ."),
        ("And then it was gone...\nPlease enable JavaScript to go on.\nBy our Privacy Policy, no.", ""),
        ("w" * 1001 + " and more words.\n" + "w" * 1000 + " and more words.", "w" * 1000 + " and more words."),
        (
            "这一行有句号。\n首页\n没有句号的一行文字\n他说：“好的。”\n请启用JavaScript来继续。",
            "这一行有句号。\n他说：“好的。”",
        ),
        ("使用本站即表示同意隐私政策。\n我們使用 cookie 來改善服務。\n这一行可以留下来！", "这一行可以留下来！"),
        ("一二三。\n一二三四五。", "一二三四五。"),
    ],
)
def test_lines_that_stay(text, left):
    assert C4(min_sentences=0)([text]).texts == [left]


def test_documents_that_go():
    five, four = "He went to sea. " * 5, "He went to sea. " * 4
    texts = [five, four, "海边很安静。" * 5, "海边很安静。" * 4, "Lorem ipsum dolor sit amet.", "Call f{x} again now."]
    outcome = C4()(texts)
    assert outcome.texts == [five.strip(), "海边很安静。" * 5]
    assert outcome.dropped.column("drop.reason").to_pylist() == [
        *("too-few-sentences", "too-few-sentences", "lorem-ipsum", "curly-bracket")
    ]


def test_prose_stays_whole_in_both_languages():
    texts = [(ENGLISH + " ") * 3, CHINESE * 3]
    assert C4()(texts).texts == [text.strip() for text in texts]
    assert C4()(texts).batch.column("stats.c4.kept_lines").to_pylist() == [1, 1]


def test_datatroves_words_take_the_same_settings():
    outcome = C4(words="spacy-en", min_line_words=2.5, min_sentences=1)(["Two words.\nThese are three words."])
    assert outcome.texts == ["These are three words."]
