"""MinHash signatures: near-duplicates share the hash of a band.

Broder 1997, "On the resemblance and containment of documents"; banding by Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", section 3.4; sizes as in FineWeb (Penedo et al. 2024, section 3.4): 5-grams,
14 bands of 8 rows, about 3 in 4 pairs of Jaccard similarity 0.75 share a band. The permutations are
datatrove's: ``(a h + b mod 2^64) mod (2^61 - 1)``, ``a`` and ``b`` drawn by the seed.

A shingle is n units in a row of the document's normal form (:mod:`lmloop.kernels.normal`): words, or single
CJK characters. A document of fewer than n units is one shingle, so short documents are near-duplicates only
where their normal forms are equal; one without any unit has no shingle, and must not be grouped with others.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.bits import fold
from lmloop.kernels.characters import classes
from lmloop.kernels.hashing import GOLDEN, ROOT_2, ROOT_3
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.normal import GROWTH, normalise, rules
from lmloop.kernels.text import Bytes, Hashes, Integers, TextBuffer, read_only
from lmloop.kernels.words import Tokens, empty_tokens, segment_document

MERSENNE_61 = np.uint64((1 << 61) - 1)
TOGETHER = 512  # shingles that stay at hand while all functions are taken of them
NOTHING = np.uint64(0xFFFFFFFFFFFFFFFF)  # the minimum over no shingles


class Permutations(NamedTuple):
    """The factors of the hash functions: uint64 [bands * rows] each."""

    a: Hashes
    b: Hashes


class Signatures(NamedTuple):
    """The signatures of a column.

    ``minima`` uint64 [documents, bands * rows]: the smallest hash of any shingle, by each function;
    ``keys`` uint64 [documents, bands]: a hash of each band's rows and number, so that two documents are
    candidates where any of their keys are equal; ``units`` int64 [documents]: words and CJK characters;
    ``short`` bool [documents]: fewer units than a shingle takes (0 units: the keys mean nothing).
    """

    minima: Hashes
    keys: Hashes
    units: Integers
    short: npt.NDArray[np.bool_]


class Workspace(NamedTuple):
    """Room for one document, used again for each: its normal form (``normal`` reads ``text``), tokens, shingles."""

    text: Bytes
    normal: Bytes
    tokens: Tokens
    shingles: Hashes


def minhash(buffer: TextBuffer, bands: int = 14, rows: int = 8, n: int = 5, seed: int = 1) -> Signatures:
    """Take the signature of each document; the same text and settings give the same everywhere."""
    signatures = empty_signatures(len(buffer.offsets) - 1, bands, rows)
    _minhash(buffer, (classes(), rules()), permutations(bands * rows, seed), _workspace(buffer), n, signatures)
    return signatures


def empty_signatures(documents: int, bands: int, rows: int) -> Signatures:
    """Make room for signatures."""
    return Signatures(
        np.empty((documents, bands * rows), np.uint64),
        np.empty((documents, bands), np.uint64),
        np.empty(documents, np.int64),
        np.empty(documents, np.bool_),
    )


def shingles(buffer: TextBuffer, n: int = 5) -> list[Hashes]:
    """Give the different shingles of each document, as ascending hashes: the sets that MinHash compares."""
    documents = len(buffer.offsets) - 1
    counts, room = np.empty(documents, np.int64), int(buffer.offsets[-1] - buffer.offsets[0])
    hashes = np.empty(room, np.uint64)
    _shingles(buffer, (classes(), rules()), _workspace(buffer), n, (hashes, counts))
    return [np.unique(part) for part in np.split(hashes, np.cumsum(counts))[:-1]]


def jaccard(left: Hashes, right: Hashes) -> float:
    """Give the exact Jaccard similarity of two documents from their :func:`shingles`; of two empty ones, 0."""
    shared = len(np.intersect1d(left, right, assume_unique=True))
    union = len(left) + len(right) - shared
    return shared / union if union else 0.0


def estimated_jaccard(left: Hashes, right: Hashes) -> float:
    """Estimate the Jaccard similarity of two documents from rows of :attr:`Signatures.minima`."""
    known = left != NOTHING
    return float(np.mean((left == right) & known))


@cache
def permutations(count: int, seed: int) -> Permutations:
    """Draw the hash functions."""
    generator = np.random.RandomState(seed)  # its stream is frozen for good; newer generators' are not
    prime = int(MERSENNE_61)
    a = generator.randint(1, prime, dtype=np.uint64, size=count)
    return Permutations(a, generator.randint(0, prime, dtype=np.uint64, size=count))


def _workspace(buffer: TextBuffer) -> Workspace:
    room = int(np.diff(buffer.offsets).max(initial=0)) + 1
    text = np.empty(GROWTH * room + 8, np.uint8)
    # The normal form has a space between words, and CJK characters of three bytes: a token takes at least two.
    tokens = empty_tokens(room, np.zeros(2, np.int64))
    return Workspace(text, read_only(text), tokens, np.empty(room, np.uint64))


@compiled
def fill_shingles(data: Any, start: Any, end: Any, tables: Any, space: Any, n: Any) -> Any:
    """Write the shingles of a document to the workspace; gives how many there are, and how many units."""
    classes, rules = tables
    zero = np.int64(0)  # typed: numba would compile once more for the literal
    size = normalise(data, start, end, rules, space.text, zero)
    units = segment_document(space.normal, zero, size, classes, space.tokens, zero)
    if units == 0:
        return 0, 0
    n = min(n, units)
    for i in range(units - n + 1):
        state = GOLDEN
        for k in range(i, i + n):
            state = fold(state ^ space.tokens.hash[k], ROOT_3)
        space.shingles[i] = state
    return units - n + 1, units


@inlined
def take_minima(shingles: Any, a: Any, b: Any, minima: Any) -> None:
    """Fill ``minima`` with the least of each hash function over the shingles."""
    for k in range(len(minima)):
        minima[k] = NOTHING
    for first in range(0, len(shingles), TOGETHER):
        last = min(first + TOGETHER, len(shingles))
        for k in range(len(a)):
            least, factor, shift = minima[k], a[k], b[k]
            for i in range(first, last):
                value = shingles[i] * factor + shift
                value = (value & MERSENNE_61) + (value >> np.uint64(61))
                value = min(value, value - MERSENNE_61)  # below the prime, the difference wraps and is larger
                least = min(least, value)
            minima[k] = least


@inlined
def take_keys(minima: Any, keys: Any) -> None:
    """Fill ``keys`` with a hash of each band's number and rows."""
    rows = len(minima) // len(keys)
    for band in range(len(keys)):
        key = fold(np.uint64(band) ^ GOLDEN, ROOT_2)
        for row in range(band * rows, (band + 1) * rows):
            key = fold(key ^ minima[row], ROOT_3)
        keys[band] = key


@compiled
def _minhash(buffer: Any, tables: Any, functions: Any, space: Any, n: Any, signatures: Any) -> None:
    for document in range(len(signatures.units)):
        count, units = fill_shingles(
            buffer.data, buffer.offsets[document], buffer.offsets[document + 1], tables, space, n
        )
        take_minima(space.shingles[:count], functions.a, functions.b, signatures.minima[document])
        signatures.units[document] = units
        signatures.short[document] = units < n
        take_keys(signatures.minima[document], signatures.keys[document])


@compiled
def _shingles(buffer: Any, tables: Any, space: Any, n: Any, out: Any) -> None:
    hashes, counts = out
    place = 0
    for document in range(len(counts)):
        count, _ = fill_shingles(buffer.data, buffer.offsets[document], buffer.offsets[document + 1], tables, space, n)
        for i in range(count):
            hashes[place + i] = space.shingles[i]
        counts[document] = count
        place += count
