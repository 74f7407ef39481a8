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

from lmloop.kernels.bits import fold
from lmloop.kernels.hashing import GOLDEN, ROOT_3
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Bytes, Floats, Hashes, Integers, text_buffer
from lmloop.kernels.words import KIND_CJK, KIND_SYMBOL, segment

TELLING, TELLING_CJK = 13, 8
"""So much a word tells, and a CJK character: thirteen of these are about as rare as eight words."""


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


class Spans(NamedTuple):
    """What documents share with an index: runs of n-grams, ordered by document and place.

    ``document``; ``start`` and ``stop`` as units of the documents' :class:`Units`; ``source``: which text of the index
    most of the n-grams come from. int64 [spans] each.
    """

    document: Integers
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


def make_indexes(texts: Sequence[str], n: int, least: int) -> tuple[Index, ...]:
    """Index texts by their n-grams; one of fewer than n units, but at least ``least`` words, is looked for whole.

    Thirteen CJK characters are taken for eight words there: eight of them are the name of a bank. There is one index
    for each length of gram; all count the same texts.
    """
    sizes = np.diff(units_of(texts).first)
    sizes[(sizes < n) & (_telling(texts) < TELLING * least)] = 0
    lengths = [n, *(size for size in np.unique(sizes).tolist() if 0 < size < n)]
    chosen = (sizes >= length if length == n else sizes == length for length in lengths)
    kept = ([text if use else "" for text, use in zip(texts, used.tolist(), strict=True)] for used in chosen)
    return tuple(make_index(some, length) for some, length in zip(kept, lengths, strict=True))


def _telling(texts: Sequence[str]) -> Integers:
    """Weigh texts: :data:`TELLING` for a word, :data:`TELLING_CJK` for a CJK character; int64 [texts]."""
    tokens = segment(text_buffer(pa.array(texts, pa.string())))
    weights = np.where(tokens.kind == KIND_CJK, TELLING_CJK, TELLING) * (tokens.kind != KIND_SYMBOL)
    return np.diff(np.concatenate([[0], np.cumsum(weights)])[tokens.first])


def all_overlaps(units: Units, indexes: Sequence[Index]) -> Spans:
    """Find what documents share with several indexes, ordered by document and place."""
    parts = [overlaps(units, index) for index in indexes]
    spans = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    order = np.lexsort((spans[2], spans[1], spans[0]))
    return Spans(*(column[order] for column in spans))


def overlaps(units: Units, index: Index) -> Spans:
    """Find what documents share with the index."""
    spans = np.empty((4, len(units.hash) // index.n + len(units.first)), np.int64)
    text = np.repeat(np.arange(len(index.units.first) - 1), np.diff(index.units.first))
    count = _overlaps(units, index.units, (index.n, index.slots, text), spans)
    return Spans(*(column.copy() for column in spans[:, :count]))


def covered_share(units: Units, spans: Spans) -> Floats:
    """Give the share of each document's units that lie in some span: float64 [documents]."""
    edges = np.zeros(len(units.hash) + 1, np.int64)
    np.add.at(edges, spans.start, 1)
    np.add.at(edges, spans.stop, -1)
    inside = np.concatenate([[0], np.cumsum(np.cumsum(edges[:-1]) > 0)])
    return np.asarray(np.diff(inside[units.first]) / np.maximum(np.diff(units.first), 1))


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
def _overlaps(units: Any, known: Any, index: Any, spans: Any) -> Any:
    """Write the spans, and give how many there are."""
    n, slots, text = index
    mask, power, count = np.uint64(len(slots) - 1), power_of(n), 0
    for document in range(len(units.first) - 1):
        state, begin, covered, votes = np.uint64(0), units.first[document], np.int64(-1), 0
        for unit in range(begin, units.first[document + 1]):
            state = roll(state, units, unit, power, n, unit - begin >= n)
            if unit - begin + 1 < n:
                continue
            gram = unit - n + 1
            probe = fold(state, GOLDEN) & mask
            while slots[probe] != 0 and not same_gram(units, gram, known, slots[probe] - 1, n):
                probe = (probe + np.uint64(1)) & mask
            if slots[probe] == 0:
                continue
            source = text[slots[probe] - 1]
            if gram > covered:
                spans[0, count], spans[1, count], spans[3, count] = document, gram, source
                count += 1
                votes = 0
            covered = np.int64(unit + 1)
            spans[2, count - 1] = covered
            # the source of most n-grams, if one has most (Boyer and Moore 1991, "MJRTY")
            if votes == 0:
                spans[3, count - 1] = source
            votes += 1 if spans[3, count - 1] == source else -1
    return count
