import numpy as np
import pytest
from hypothesis import given
from kernel_texts import COLUMNS, EDGES, buffer_of, plain_tokens

from lmloop.kernels.characters import classes
from lmloop.kernels.quality import (
    CJK_STOP_WORDS,
    REASONS,
    STOP_WORDS,
    QualityStatistics,
    QualityThresholds,
    make_stop_words,
    quality_reasons,
    quality_statistics,
)
from lmloop.kernels.words import CJK_PER_WORD, segment


def statistics_of(*texts: str) -> QualityStatistics:
    buffer = buffer_of(*texts)
    return quality_statistics(buffer, segment(buffer))


def pieces(text: str) -> list[str]:
    """What separators (white space, controls, unassigned characters) stand between."""
    return "".join(c if "OSLNMCJPY"[classes()[ord(c)]] not in "OS" else "\n" for c in text).split("\n")


def plain(text: str) -> list[float]:
    tokens = plain_tokens(text)
    words = [token for token, kind in tokens if kind in "NW"]
    cjk = [token for token, kind in tokens if kind == "C"]
    lone = sum(all(kind == "S" for _, kind in plain_tokens(piece)) for piece in pieces(text) if piece)
    lines, count = text.splitlines(), max(len(words) + len(cjk) + lone, 1)
    share = len(cjk) / CJK_PER_WORD / max(len(words) + len(cjk) / CJK_PER_WORD, 1)
    stop = set(cjk) & set(CJK_STOP_WORDS) if share >= 0.5 else set(words) & set(STOP_WORDS)
    return [
        len(words) + len(cjk) / CJK_PER_WORD,
        sum(map(len, words)) / max(len(words), 1),
        text.count("#") / count,
        (text.count("...") + text.count("…")) / count,
        sum(line.lstrip().startswith(("•", "-")) for line in lines) / max(len(lines), 1),
        sum(line.rstrip().endswith(("...", "…")) for line in lines) / max(len(lines), 1),
        (sum(kind == "W" for _, kind in tokens) + len(cjk)) / count,
        len(stop),
        share,
    ]


@given(COLUMNS)
def test_statistics_are_those_of_the_definition(texts):
    assert np.array(statistics_of(*texts)).T.tolist() == [plain(text) for text in texts]


def test_edges():
    assert np.array(statistics_of(*EDGES)).T.tolist() == [plain(text) for text in EDGES]


GOOD_ENGLISH = "It is the case that all of the people who have been here went to the sea and came back. " * 5
GOOD_CHINESE = "我们在海边走了很久，天气不好，但是大家都有自己的想法和目标。" * 6

BAD = {
    "too-few-words": "the cat and the dog",
    "too-many-words": "word the and " * 40_000,
    "short-words": "I a b c to be " * 20,
    "long-words": "the and antidisestablishmentarianism " * 30,
    "hash-symbols": "words and the # " * 30,
    "ellipses": "words and the more… " * 30,
    "bullet-lines": "- all of the words that have been\n" * 20,
    "ellipsis-lines": "all of the words that have been said and heard before...\n" * 20,
    "few-letter-words": "all of the | 12 | 14 | 1515 words " * 20,
    "few-stop-words": "Donaudampfschiff fahren macht Spass " * 20,
}


def test_each_rule_drops_what_it_is_for():
    texts = [GOOD_ENGLISH, GOOD_CHINESE, *BAD.values()]
    reasons = quality_reasons(statistics_of(*texts))
    assert [REASONS[reason] for reason in reasons] == ["kept", "kept", *BAD]


def test_chinese_is_read_by_its_own_stop_words():
    text = GOOD_CHINESE.translate(dict.fromkeys(map(ord, "的了是在和有不我")))
    assert REASONS[quality_reasons(statistics_of(text))[0]] == "few-stop-words"
    assert REASONS[quality_reasons(statistics_of("of the " + text))[0]] == "few-stop-words"


def test_words_are_counted_alike_in_both_languages():
    # 75 characters are about 50 Chinese words.
    assert statistics_of("海" * 75).words[0] == 50


def test_thresholds_and_stop_words_are_the_callers():
    buffer = buffer_of("Der Hund und die Katze", "short")
    table = make_stop_words(["und", "die"], [])
    statistics = quality_statistics(buffer, segment(buffer), table)
    assert statistics.stop_words.tolist() == [2, 0]
    assert quality_reasons(statistics, QualityThresholds(min_words=1)).tolist() == [0, 10]


def test_a_stop_word_of_two_tokens_is_refused():
    with pytest.raises(AssertionError, match="must be one word"):
        make_stop_words(["of course"], [])
