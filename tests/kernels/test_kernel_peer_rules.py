"""datatrove's rules, written plainly over words that are given, against the kernels."""

import re
from collections import Counter

import numpy as np
from hypothesis import given
from kernel_texts import COLUMNS, EDGES, buffer_of

from lmloop.kernels.fineweb import fineweb_reasons, fineweb_statistics
from lmloop.kernels.peer.tables import LETTER, SYMBOL, TERMINAL, tables
from lmloop.kernels.peer.words import peer_segment
from lmloop.kernels.quality import STOP_WORDS, quality_statistics
from lmloop.kernels.repetition import repetition_statistics


def words_of(text: str) -> list[str]:
    tokens, data = peer_segment(buffer_of(text)), text.encode()
    spans = zip(tokens.start.tolist(), tokens.width.tolist(), strict=True)
    return [data[start : start + width].decode() for start, width in spans]


def has(character: str, bit: int) -> bool:
    return bool(int(tables().classes[ord(character)]) & bit)


def quality(text: str) -> list[float]:
    words, lines = words_of(text), text.splitlines()
    real = [word for word in words if not all(has(c, SYMBOL) for c in word)]
    count, rows = max(len(words), 1), max(len(lines), 1)
    return [
        len(real),
        sum(map(len, real)) / max(len(real), 1),
        text.count("#") / count,
        (text.count("...") + text.count("…")) / count,
        sum(line.lstrip().startswith(("•", "-")) for line in lines) / rows,
        sum(line.rstrip().endswith(("...", "…")) for line in lines) / rows,
        sum(any(has(c, LETTER) for c in word) for word in words) / count,
        len(set(words) & set(STOP_WORDS)),
        0,
    ]


@given(COLUMNS)
def test_quality(texts):
    buffer = buffer_of(*texts)
    found = quality_statistics(buffer, peer_segment(buffer), marks_are_words=True)
    assert np.array(found).T.tolist() == [quality(text) for text in texts]


def duplicates(parts: list[str]) -> tuple[int, int]:
    seen: set[str] = set()
    again = [part for part in parts if part in seen or seen.add(part)]
    return len(again), sum(map(len, again))


def top(words: list[str], n: int) -> int:
    grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    return len(grams.most_common(1)[0][0]) * grams.most_common(1)[0][1] if grams else 0


def joined(words: list[str], n: int) -> int:
    seen, characters, i = set(), 0, 0
    while i < len(words) - n + 1:
        gram = "".join(words[i : i + n])
        if gram in seen:
            characters += len(gram)
            i += n
        else:
            seen.add(gram)
            i += 1
    return characters


def repetition(text: str) -> list[float]:
    words = words_of(text)
    paragraphs, lines = re.split(r"\n{2,}", text.strip()), re.split(r"\n+", text)
    counts = [(*duplicates(paragraphs), len(paragraphs)), (*duplicates(lines), len(lines))]
    shares = [share for again, characters, all_ in counts for share in (again / all_, characters / len(text))]
    grams = [top(words, n) for n in (2, 3, 4)] + [joined(words, n) for n in range(5, 11)]
    return [*shares, *(characters / len(text) for characters in grams)]


@given(COLUMNS)
def test_repetition(texts):
    texts = [text for text in texts if text]
    buffer = buffer_of(*texts)
    found = repetition_statistics(buffer, peer_segment(buffer), joined=True)
    assert np.array(found).T.tolist() == [repetition(text) for text in texts]


def test_n_grams_are_alike_though_their_tokens_are_cut_elsewhere():
    text = "1 0 2 3 4 x 10 2 3 4 y"  # "1 0 2 3 4" and "10 2 3 4 y" are not, "1 0 2 3 4" and "10 2 3 4" of 4 would be
    again = "1 0 2 3 4 5 and 10 2 3 4 5"
    for sample in (text, again, "a" * 40 + " b c d e f " + "a" * 40 + " b c d e f"):
        assert np.array(repetition_statistics(buffer_of(sample), peer_segment(buffer_of(sample)), True)).T.tolist() == [
            repetition(sample)
        ]


def fineweb(text: str) -> list[float]:
    lines = [line for line in text.split("\n") if line.strip()]
    count = max(len(lines), 1)
    return [
        len(lines),
        sum(has(line[-1], TERMINAL) for line in lines) / count,
        sum(len(line) <= 30 for line in lines) / count,
        duplicates(lines)[1] / max(len(text.replace("\n", "")), 1),
        text.count("\n") / max(len(words_of(text)), 1),
    ]


@given(COLUMNS)
def test_fineweb(texts):
    buffer = buffer_of(*texts)
    found = fineweb_statistics(buffer, peer_segment(buffer), peer=True)
    assert np.array(found).T.tolist() == [fineweb(text) for text in texts]


def test_fineweb_edges():
    buffer = buffer_of(*EDGES)
    found = fineweb_statistics(buffer, peer_segment(buffer), peer=True)
    assert np.array(found).T.tolist() == [fineweb(text) for text in EDGES]
    assert fineweb_reasons(found)[0] == 1
