"""How good a tokenizer is on some text, with intervals; and whether it loses anything.

* bytes per token, tokens per character, and fertility, the tokens per word (Rust et al. 2021, section 4.1), where
  Chinese and Japanese have a word for each 1.5 characters (:data:`lmloop.kernels.words.CJK_PER_WORD`);
* Rényi efficiency: Rényi entropy of order 2.5 of the tokens over that of even use, log of the vocabulary (Zouhar et al.
  2023, "Tokenization and the Noiseless Channel", definition 3.5 and section 6); Shannon efficiency is that of order 1.

Intervals are of a bootstrap over documents: what another draw of documents would have given.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lmloop.kernels.text import Integers, code_points, text_buffer
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.backends import Flat, split
from lmloop.kernels.tokenizing.formats import AnyTokenizer
from lmloop.kernels.words import CJK_PER_WORD, KIND_CJK, KIND_SYMBOL, segment

ALPHA = 2.5
RESAMPLES = 1000
MOST_DOCUMENTS = 20_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of sums, and the middle 95 % of what resampled documents give."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Sizes:
    """Of each document: bytes, characters, words and tokens, float64 [documents]; and how often each id occurs."""

    bytes: Floats
    characters: Floats
    words: Floats
    tokens: Floats
    counts: Integers


def sizes(tokenizer: AnyTokenizer, texts: "pa.Array") -> Sizes:
    """Measure some documents."""
    buffer = text_buffer(texts)
    ids, counts = tokenizer.encode_column(texts)
    return Sizes(
        np.diff(buffer.offsets).astype(np.float64),
        code_points(buffer).astype(np.float64),
        words(texts),
        counts.astype(np.float64),
        np.bincount(ids, minlength=tokenizer.vocab_size).astype(np.int64),
    )


def words(texts: "pa.Array") -> Floats:
    """Count the words of each document."""
    found = segment(text_buffer(texts))
    weight = np.where(found.kind == KIND_CJK, 1 / CJK_PER_WORD, np.where(found.kind == KIND_SYMBOL, 0.0, 1.0))
    total = np.concatenate([[0.0], np.cumsum(weight)])
    counts: Floats = total[found.first[1:]] - total[found.first[:-1]]
    return counts


def ratio(above: Floats, below: Floats, seed: int = 0) -> Ratio:
    """Give ``sum(above) / sum(below)`` with its interval over documents; NaN where there is nothing to divide by."""
    return compare_ratios((above, below), None, seed)


def compare_ratios(one: tuple[Floats, Floats], other: tuple[Floats, Floats] | None, seed: int = 0) -> Ratio:
    """Give one ratio of sums, over another of the same documents if there is one, with its interval."""
    columns = [*one, *(other or ())]
    if not len(one[0]) or not all(column.sum() for column in columns):
        return Ratio(math.nan, math.nan, math.nan)
    table = np.stack(columns)

    def value(sums: Floats) -> Floats:
        found: Floats = sums[0] / sums[1] if other is None else sums[0] / sums[1] * sums[3] / sums[2]
        return found

    size = table.shape[1]
    if size > MOST_DOCUMENTS:  # means of groups of documents: as wide an interval, at a bounded cost
        edges = np.linspace(0, size, MOST_DOCUMENTS + 1).astype(np.int64)[:-1]
        table = np.add.reduceat(table, edges, axis=1)
        size = table.shape[1]
    draw = np.random.default_rng(seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.array([value(table @ draw.multinomial(size, np.full(size, 1 / size))) for _ in range(RESAMPLES)])
    found = found[np.isfinite(found)]
    low, high = np.quantile(found, [0.025, 0.975]) if len(found) else (math.nan, math.nan)
    return Ratio(float(value(table.sum(axis=1))), float(low), float(high))


def renyi_efficiency(counts: Integers, order: float = ALPHA) -> float:
    """Give the Rényi efficiency of a distribution over all ids; Shannon's for order 1."""
    total = counts.sum()
    if total == 0 or len(counts) < 2:
        return math.nan
    share = counts[counts > 0] / total
    if order == 1.0:
        entropy = -float((share * np.log(share)).sum())
    else:
        entropy = math.log(float((share**order).sum())) / (1 - order)
    return entropy / math.log(len(counts))


def losses(tokenizer: AnyTokenizer, texts: "pa.Array") -> list[int]:
    """List the texts that do not come back from their ids as they were."""
    flat = tokenizer.encode_column(texts)
    if isinstance(tokenizer, Tokenizer) and tokenizer.writes_bytes and _joined(tokenizer, flat) == _joined_texts(texts):
        return []
    pairs = zip(texts.to_pylist(), split(flat), strict=True)
    return [n for n, (text, ids) in enumerate(pairs) if tokenizer.decode(ids) != text]


def _joined(tokenizer: Tokenizer, flat: Flat) -> bytes:
    """Put the bytes of all tokens together, with a byte that no text has behind each text."""
    tokens = tokenizer.tokens
    return b"".join(b"".join(tokens[number] or b"" for number in row.tolist()) + b"\xff" for row in split(flat))


def _joined_texts(texts: "pa.Array") -> bytes:
    return b"".join(text.encode() + b"\xff" for text in texts.to_pylist())


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """How much of Unicode comes back: characters asked for, those lost (some of them), and random texts lost."""

    characters: int
    lost: int
    examples: tuple[str, ...]
    texts: int
    texts_lost: int


def round_trip(tokenizer: AnyTokenizer, texts: int = 500, seed: int = 0) -> RoundTrip:
    """Send every character of Unicode (all but surrogates) through a tokenizer, and random texts of them.

    Characters go in blocks; those of a block that does not come back are tried one by one, each between two letters.
    """
    points = np.concatenate([np.arange(0xD800), np.arange(0xE000, 0x110000)])
    whole = "".join(map(chr, points.tolist()))
    blocks = [whole[at : at + 256] for at in range(0, len(whole), 256)]
    lost: list[str] = []
    for n in losses(tokenizer, pa.array(blocks, pa.large_string())):
        singles = [f"a{letter}b" for letter in blocks[n]]
        lost += [singles[k][1:-1] for k in losses(tokenizer, pa.array(singles, pa.large_string()))]
    strings = list(_random_texts(points, texts, seed))
    rows = split(tokenizer.encode_column(pa.array(strings, pa.large_string())))
    broken = sum(tokenizer.decode(ids) != text for ids, text in zip(rows, strings, strict=True))
    return RoundTrip(len(points), len(lost), tuple(lost[:20]), len(strings), broken)


def digits_table(tokenizer: AnyTokenizer) -> dict[int, float]:
    """Say how many tokens the numbers of one to four digits take on average (a space before each)."""
    found = {}
    for size in range(1, 5):
        numbers = range(10 ** (size - 1) if size > 1 else 0, 10**size)
        _, counts = tokenizer.encode_column(pa.array([f" {number}" for number in numbers], pa.large_string()))
        found[size] = float(counts.mean())
    return found


def whole_numbers(tokenizer: AnyTokenizer) -> float:
    """Say how many of the numbers 000 to 999 are one token."""
    _, counts = tokenizer.encode_column(pa.array([f"{number:03d}" for number in range(1000)], pa.large_string()))
    return float((counts == 1).mean())


def _random_texts(points: Integers, texts: int, seed: int) -> Iterator[str]:
    draw = np.random.default_rng(seed)
    common = "abc XYZ 012 \n\t.,'中文，。"
    for _ in range(texts):
        rare = map(chr, draw.choice(points, 40).tolist())
        usual = [common[place] for place in draw.integers(0, len(common), 60)]
        yield "".join(np.array([*rare, *usual], object)[draw.permutation(100)])
