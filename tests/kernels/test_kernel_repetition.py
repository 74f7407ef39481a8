import re
from collections import Counter
from itertools import pairwise
from math import ceil

import numpy as np
from hypothesis import given
from kernel_texts import COLUMNS, EDGES, buffer_of, plain_tokens

from lmloop.kernels.repetition import (
    REASONS,
    RepetitionStatistics,
    RepetitionThresholds,
    repetition_reasons,
    repetition_statistics,
)
from lmloop.kernels.words import CJK_PER_WORD, segment


def statistics_of(*texts: str) -> RepetitionStatistics:
    buffer = buffer_of(*texts)
    return repetition_statistics(buffer, segment(buffer))


def duplicates(pieces: list[str]) -> tuple[int, int]:
    seen, repeats, characters = set(), 0, 0
    for piece in pieces:
        repeats += piece in seen
        characters += len(piece) if piece in seen else 0
        seen.add(piece)
    return repeats, characters


def joined(tokens: tuple[tuple[str, str], ...]) -> str:
    text = tokens[0][0]
    for (_, before), (token, kind) in pairwise(tokens):
        text += token if before == kind == "C" else " " + token
    return text


def top_gram(tokens: list[tuple[str, str]], n: int) -> int:
    grams = Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
    if not grams:
        return 0
    gram, count = grams.most_common(1)[0]
    return len(joined(gram)) * count


def duplicate_grams(tokens: list[tuple[str, str]], n: int) -> int:
    seen, characters, i = set(), 0, 0
    while i < len(tokens) - n + 1:
        gram = tuple(tokens[i : i + n])
        if gram in seen:
            characters += sum(len(token) for token, _ in gram)
            i += n
        else:
            seen.add(gram)
            i += 1
    return characters


def plain(text: str) -> list[float]:
    if not text:
        return [0.0] * 13
    tokens = plain_tokens(text)
    cjk = sum(kind == "C" for _, kind in tokens) / CJK_PER_WORD
    words = sum(kind in "NW" for _, kind in tokens)
    scale = CJK_PER_WORD if cjk / max(words + cjk, 1) >= 0.5 else 1
    paragraphs, lines = re.split(r"\n{2,}", text.strip()), re.split(r"\n+", text)
    return [
        duplicates(paragraphs)[0] / len(paragraphs),
        duplicates(paragraphs)[1] / len(text),
        duplicates(lines)[0] / len(lines),
        duplicates(lines)[1] / len(text),
        *(top_gram(tokens, ceil(n * scale)) / len(text) for n in (2, 3, 4)),
        *(duplicate_grams(tokens, ceil(n * scale)) / len(text) for n in range(5, 11)),
    ]


@given(COLUMNS)
def test_statistics_are_those_of_the_definition(texts):
    assert np.array(statistics_of(*texts)).T.tolist() == [plain(text) for text in texts]


def test_edges():
    assert np.array(statistics_of(*EDGES)).T.tolist() == [plain(text) for text in EDGES]


def test_long_documents_one_after_the_other():
    draw = np.random.default_rng(3)
    texts = []
    for size, vocabulary in ((20_000, 30), (50, 5), (20_000, 2000), (3, 2), (9000, 200)):
        words = [f"w{k}" for k in draw.zipf(1.3, size) % vocabulary]
        texts += [" ".join(words), "".join(chr(0x4E00 + k) for k in draw.integers(0, vocabulary, size))]
        texts += ["\n".join(words), "\n\n".join(words)]
    assert np.array(statistics_of(*texts)).T.tolist() == [plain(text) for text in texts]


GOOD = (
    "Nothing here is said twice, or is it? A careful reader of any long text would soon notice such things, "
    "while others hardly look; that depends on how much time they have got, and what else went on today."
)
BAD = {
    "duplicate-paragraphs": "one thing\n\nanother thing of some length that is not the same\n\none thing\n\none thing",
    "duplicate-paragraph-characters": ("a paragraph of a good length\n\nb\n\nc\n\nd\n\na paragraph of a good length"),
    "duplicate-lines": "some line\nq\nq\nq\nanother line that is long enough not to matter here at all",
    "duplicate-line-characters": "one line of a good length\nb\nc\nd\none line of a good length",
    "top-2-gram": " ".join(f"good morning x{k}" for k in range(30)),
    "duplicate-5-grams": GOOD + " A careful reader of any long text would soon notice such things, they say.",
}


def test_each_rule_drops_what_it_is_for():
    reasons = repetition_reasons(statistics_of(GOOD, *BAD.values()))
    assert [REASONS[reason] for reason in reasons] == ["kept", *BAD]


def test_a_phrase_of_five_words_is_caught_in_either_language():
    english = "We saw that the cat sat down by the old warm stove. Later on the cat sat down by the old warm stove too."
    chinese = "我们看见那只猫坐在旧的火炉边上取暖，后来听说那只猫坐在旧的火炉边上取暖睡着。"
    found = statistics_of(english, chinese).duplicate_5_grams
    assert (found > 0.12).all()


def test_thresholds_are_the_callers():
    loose = RepetitionThresholds(*[9.0] * 13)
    assert repetition_reasons(statistics_of("x\nx\nx"), loose).tolist() == [0]
    assert REASONS[repetition_reasons(statistics_of("x\nx\nx"))[0]] == "duplicate-lines"
