"""Which n-grams of a set of texts come in others: an exact index, every hit compared unit by unit and byte by byte.

A unit is a word or a single CJK character, in lower case; marks, symbols and white space do not count. Hashes only lead
to the places to compare: no hit rests on one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.kernels.hashing import GOLDEN, ROOT_3, fold
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Bytes, Floats, Hashes, Integers, text_buffer
from lmloop.kernels.words import KIND_SYMBOL, segment


class Units(NamedTuple):
    """The units of a column in lower case: their hashes, first bytes in ``data`` and widths; ``first`` as in tokens."""

    data: Bytes
    hash: Hashes
    start: Integers
    width: Integers
    first: Integers


class Index(NamedTuple):
    """The n-grams of some texts: ``slots`` int32 [2^k] holds the unit, plus 1, that each different one begins with."""

    units: Units
    slots: npt.NDArray[np.int32]
    n: int


class Overlaps(NamedTuple):
    """What each document shares with the index.

    ``share`` of its units in n-grams that are shared (float64); ``grams`` how many places such an n-gram begins at;
    ``start`` and ``stop`` of the longest run of shared units, as units of the documents' :class:`Units`;
    ``source`` which text of the index it comes from (-1: none). int64 [documents] each.
    """

    share: Floats
    grams: Integers
    start: Integers
    stop: Integers
    source: Integers


def units_of(texts: "pa.Array | Sequence[str]") -> Units:
    """Cut texts into units."""
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    buffer = text_buffer(pc.utf8_lower(column))
    tokens = segment(buffer)
    counts = tokens.kind != KIND_SYMBOL
    document = np.repeat(np.arange(len(tokens.first) - 1), np.diff(tokens.first))
    start = tokens.start.astype(np.int64) + buffer.offsets[document]
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])[tokens.first]
    return Units(buffer.data, tokens.hash[counts], start[counts], tokens.width[counts].astype(np.int64), first)


def without(units: Units, hidden: Hashes) -> Units:
    """Leave out the units with one of these hashes."""
    stay = ~np.isin(units.hash, hidden)
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(stay)])[units.first]
    return Units(units.data, units.hash[stay], units.start[stay], units.width[stay], first)


def documents(units: Units, which: Integers) -> Units:
    """Take some of the documents, in this order."""
    counts = np.diff(units.first)[which]
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    place = np.arange(first[-1]) - np.repeat(first[:-1] - units.first[which], counts)
    return Units(units.data, units.hash[place], units.start[place], units.width[place], first)


def make_index(texts: Sequence[str], n: int) -> Index:
    """Index the n-grams of some texts; one of fewer than n units has none."""
    units = units_of(texts)
    grams = int(np.maximum(np.diff(units.first) - n + 1, 0).sum())
    slots = np.zeros(max(16, 1 << (2 * grams).bit_length()), np.int32)
    _fill(units, n, slots)
    return Index(units, slots, n)


def overlaps(units: Units, index: Index) -> Overlaps:
    """Find what documents share with the index."""
    documents = len(units.first) - 1
    share, counts = np.zeros(documents), np.zeros((4, documents), np.int64)
    _overlaps(units, index.units, index.n, index.slots, share, counts)
    source = np.searchsorted(index.units.first, counts[3], side="right") - 1
    source[counts[0] == 0] = -1
    return Overlaps(share, counts[0], counts[1], counts[2], source)


@inlined
def same_gram(left: Any, i: Any, right: Any, j: Any, n: Any) -> Any:
    """Compare two n-grams by their units' bytes."""
    for k in range(n):
        if left.hash[i + k] != right.hash[j + k] or left.width[i + k] != right.width[j + k]:
            return False
        a, b = left.start[i + k], right.start[j + k]
        for byte in range(left.width[i + k]):
            if left.data[a + byte] != right.data[b + byte]:
                return False
    return True


@inlined
def roll(state: Any, units: Any, unit: Any, power: Any, n: Any, full: Any) -> Any:
    """Take a unit into the hash of the last n, and where the window is full the first one out."""
    state = state * ROOT_3 + units.hash[unit]
    return state - units.hash[unit - n] * power if full else state


@inlined
def power_of(n: Any) -> Any:
    """Give the weight with which a unit leaves the window."""
    power = np.uint64(1)
    for _ in range(n):
        power *= ROOT_3
    return power


@compiled
def _fill(units: Any, n: Any, slots: Any) -> None:
    mask, power = np.uint64(len(slots) - 1), power_of(n)
    for document in range(len(units.first) - 1):
        state, begin = np.uint64(0), units.first[document]
        for unit in range(begin, units.first[document + 1]):
            state = roll(state, units, unit, power, n, unit - begin >= n)
            if unit - begin + 1 < n:
                continue
            gram = unit - n + 1
            probe = fold(state, GOLDEN) & mask
            while slots[probe] != 0 and not same_gram(units, gram, units, slots[probe] - 1, n):
                probe = (probe + np.uint64(1)) & mask
            if slots[probe] == 0:
                slots[probe] = gram + 1


@compiled
def _overlaps(units: Any, known: Any, n: Any, slots: Any, share: Any, counts: Any) -> None:
    mask, power = np.uint64(len(slots) - 1), power_of(n)
    for document in range(len(share)):
        state, begin, end = np.uint64(0), units.first[document], units.first[document + 1]
        covered, inside, run, source, longest = begin, 0, begin, np.int64(-1), 0
        for unit in range(begin, end):
            state = roll(state, units, unit, power, n, unit - begin >= n)
            if unit - begin + 1 < n:
                continue
            gram = unit - n + 1
            probe = fold(state, GOLDEN) & mask
            while slots[probe] != 0 and not same_gram(units, gram, known, slots[probe] - 1, n):
                probe = (probe + np.uint64(1)) & mask
            if slots[probe] == 0:
                continue
            if gram > covered or counts[0, document] == 0:
                run, source = gram, np.int64(slots[probe]) - 1
            counts[0, document] += 1
            inside += unit + 1 - max(gram, covered)
            covered = unit + 1
            if covered - run > longest:
                longest = covered - run
                counts[1, document], counts[2, document], counts[3, document] = run, covered, source
        share[document] = inside / max(end - begin, 1)
