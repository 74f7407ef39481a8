"""Plain measures against data-juicer's definitions, written plainly."""

import math
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_texts import CHINESE, ENGLISH

from lmloop.ops.measures import Measures

LATIN = st.lists(st.sampled_from([*"abcé1 .,-#", "word", "\n", "\r\n", "\u2028", "the "]), max_size=60).map("".join)


def plain(text: str, n: int) -> dict[str, float]:
    size = max(len(text), 1)
    grams = Counter(text[i : i + n] for i in range(len(text) - n + 1))
    several = sum(count > 1 for count in grams.values())
    top = sorted(grams.values(), reverse=True)[: min(int(math.sqrt(len(grams))), several)]
    lines = text.splitlines()
    return {
        "characters": len(text),
        "alphanumeric": sum(map(str.isalnum, text)) / size,
        "special": sum(c.isspace() or unicodedata.category(c)[0] in "NPSCZ" for c in text) / size,
        "average_line": len(text) / max(len(lines), 1),
        "longest_line": max(map(len, lines), default=0),
        "character_repetition": sum(top) / max(sum(grams.values()), 1),
    }


def stats(op: Measures, text: str) -> dict[str, float]:
    outcome = op([text])
    rows = (outcome.batch if outcome.batch.num_rows else outcome.dropped).to_pylist()
    return {name.rpartition(".")[2]: value for name, value in rows[0].items() if name.startswith("stats.")}


@given(LATIN, st.integers(1, 4))
def test_they_are_data_juicer_s(text, n):
    found = stats(Measures(n=n), text)
    assert {name: found[name] for name in plain(text, n)} == pytest.approx(plain(text, n))


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 3))
def test_word_repetition_counts_the_words_that_come_again(words, n):
    grams = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    again = sum(count for count in grams.values() if count > 1)
    assert stats(Measures(n=n), " ".join(words))["word_repetition"] == pytest.approx(again / max(grams.total(), 1))


def test_chinese_words_are_counted_by_characters():
    assert stats(Measures(), "海" * 75)["words"] == 50
    assert Measures()([ENGLISH, CHINESE]).texts == [ENGLISH, CHINESE]


@pytest.mark.parametrize(
    ("settings", "text", "reason"),
    [
        ({}, "short", "low-characters"),
        ({}, "one two three four", "low-words"),
        ({"min_alphanumeric": 0.9}, ENGLISH, "low-alphanumeric"),
        ({"max_special": 0.1}, ENGLISH, "high-special"),
        ({"min_average_line": 50}, "a line of some words\n" * 6, "low-average-line"),
        ({"min_longest_line": 500}, ENGLISH, "low-longest-line"),
        ({"max_special": 1, "max_character_repetition": 0.3}, "ab " * 60, "high-character-repetition"),
        ({"max_character_repetition": 1, "max_special": 1}, "one two three " * 20, "high-word-repetition"),
        ({"max_words": 20}, ENGLISH, "high-words"),
        ({"max_characters": 20}, ENGLISH, "high-characters"),
        ({"min_stop_words": 0.1}, ENGLISH, "low-stop-words"),
    ],
)
def test_each_limit_gives_its_reason(settings, text, reason):
    assert Measures(**settings)([text]).reasons == {reason: 1}


def test_stop_words_come_from_the_user_s_list(tmp_path):
    (tmp_path / "en.txt").write_text("# mine\nthe\nof\n的\n", encoding="utf-8")
    op = Measures(stop_words_files=[str(tmp_path / "en.txt")])
    assert stats(op, "The end of the day")["stop_words"] == pytest.approx(3 / 5)
    assert stats(op, "我的书")["stop_words"] == pytest.approx(1 / 3)
