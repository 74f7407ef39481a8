import pytest

from lmloop.core.part import build
from lmloop.stages.curate.highlights import MOST, highlights


def marked(reason: str, text: str, match: str | None = None, op: object = None) -> list[str]:
    return [text[span.start : span.end] for span in highlights(op, reason, text, match)]


@pytest.mark.parametrize(
    ("reason", "text", "wanted"),
    [
        ("duplicate-lines", "one\ntwo\none\n\none", ["one", "one"]),
        ("duplicate-line-characters", "首页\n登录\n首页", ["首页"]),
        ("duplicate-paragraphs", "a\nb\n\nc\n\na\nb", ["a\nb"]),
        ("top-2-gram", "the cat sat, the cat ran", ["the cat", "the cat"]),
        ("duplicate-5-grams", "a b c d e f, a b c d e g", ["a b c d e", "a b c d e"]),
        ("hash-symbols", "a # b #c", ["#", "#"]),
        ("ellipses", "so ... and … on", ["...", "…"]),
        ("bullet-lines", "- one\ntext\n• 二", ["- one", "• 二"]),
        ("unpunctuated-lines", "A line.\nno end\n没有句号\n有句号。", ["no end", "没有句号"]),
        ("few-letter-words", "word == 12 词", ["==", "12"]),
        ("personal-data", "write to [EMAIL] or [CN-ID]", ["[EMAIL]", "[CN-ID]"]),
        ("a-reason-of-its-own", "text", []),
    ],
)
def test_what_a_row_was_dropped_for_is_marked(reason: str, text: str, wanted: list[str]) -> None:
    assert marked(reason, text) == wanted


def test_words_of_chinese_count_one_and_a_half_characters_each() -> None:
    assert marked("top-2-gram", "我们的，他们的，我们的") == ["我们的", "我们的"]


def test_a_match_is_found_whatever_its_case_and_punctuation() -> None:
    text = "Intro. How many\n  apples, did she EAT? 后面"
    assert marked("contaminated", text, "how many apples did she eat") == ["How many\n  apples, did she EAT"]


def test_the_words_of_a_list_are_marked() -> None:
    op = build("ops", {"use": "bad-words", "words": ["lazy", "lazy dog", "重复"]})
    assert marked("bad-words", "A Lazy dog, 又重复", op=op) == ["Lazy dog", "重复"]


def test_not_more_than_can_be_seen() -> None:
    assert len(marked("hash-symbols", "# " * 1000)) == MOST
