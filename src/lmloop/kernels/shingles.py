"""Shingles of documents as sets of hashes, cut as other tools cut them, and pairs of sets that are alike.

* ``word``: n words or CJK characters of the normal form (see :mod:`lmloop.kernels.minhash`; datatrove's shingles);
* ``space``: n stretches between white space, in lower case (data-juicer's tokenization "space");
* ``character``: n characters of the text as it is (NeMo Curator's).

A document of fewer than n units is one shingle; one without any has none.
"""

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.kernels.bits import fold
from lmloop.kernels.groups import Edges, root
from lmloop.kernels.hashing import GOLDEN, ROOT_3, hash_range
from lmloop.kernels.jit import compiled
from lmloop.kernels.minhash import Signatures, permutations, shingles, take_keys, take_minima
from lmloop.kernels.text import Bytes, Floats, Hashes, Integers, TextBuffer, skip_space, space_width, text_buffer

Unit: TypeAlias = Literal["word", "space", "character"]


class Shingles(NamedTuple):
    """The different shingles of a column, ascending in each document: those of ``i`` lie from ``first[i]`` on."""

    hash: Hashes
    first: Integers


def shingle_sets(texts: "pa.Array", unit: Unit, n: int) -> Shingles:
    """Cut each text into shingles."""
    if unit == "word":
        sets = shingles(text_buffer(texts), n)
    else:
        column = pc.utf8_lower(texts) if unit == "space" else texts
        sets = _sets(text_buffer(column), unit == "space", n)
    first = np.concatenate([[0], np.cumsum([len(one) for one in sets])]).astype(np.int64)
    return Shingles(np.concatenate([np.empty(0, np.uint64), *sets]), first)


def set_signatures(sets: Shingles, bands: int, rows: int, seed: int) -> Signatures:
    """Take the signatures of documents from their shingles; ``units`` counts these, and none is ``short``."""
    documents = len(sets.first) - 1
    minima, keys = np.empty((documents, bands * rows), np.uint64), np.empty((documents, bands), np.uint64)
    _set_signatures(sets, permutations(bands * rows, seed), minima, keys)
    return Signatures(minima, keys, np.diff(sets.first), np.zeros(documents, np.bool_))


def alike(rows: Hashes, groups: Hashes, bands: Hashes, sets: Shingles, least: float) -> Edges:
    """Link documents of one group that share a band and whose Jaccard similarity is ``least`` or more.

    ``rows`` and ``groups`` uint64 [documents], equal groups together; ``bands`` uint64 [documents, bands]. Of the
    pairs that hang together already by others, not all are linked.
    """
    parents = np.arange(len(rows), dtype=np.int64)
    edges = np.empty((len(rows), 2), np.int64)
    count = _alike(groups, bands, sets, least, parents, edges)
    return Edges(rows[edges[:count, 0]], rows[edges[:count, 1]])


def s_curve(similarity: Floats, bands: int, rows: int) -> Floats:
    """Give the chance that two documents of some Jaccard similarity share a band: ``1 - (1 - s^rows)^bands``.

    Source: Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4.2.
    """
    return np.asarray(1 - (1 - similarity**rows) ** bands)


def _sets(buffer: TextBuffer, spaced: bool, n: int) -> list[Hashes]:
    room = int(np.diff(buffer.offsets).max(initial=0)) + 1
    units = np.empty(room + 1, np.int64), np.empty(room, np.uint64)
    hashes = np.empty(room, np.uint64)
    sets = []
    for document in range(len(buffer.offsets) - 1):
        start, end = buffer.offsets[document], buffer.offsets[document + 1]
        fill = _space_shingles if spaced else _character_shingles
        count = fill(buffer.data, start, end, n, units, hashes)
        sets.append(np.unique(hashes[:count]))
    return sets


@compiled
def _space_shingles(data: Bytes, start: Any, end: Any, n: Any, units: Any, hashes: Any) -> Any:
    words, count, i = units[1], 0, skip_space(data, start, end)
    while i < end:
        stop = i
        while stop < end and space_width(data, stop, end) == 0:
            stop += 1
        words[count] = hash_range(data, i, stop)
        count += 1
        i = skip_space(data, stop, end)
    n = min(n, count)
    for i in range(count - n + 1 if count else 0):
        state = GOLDEN
        for k in range(i, i + n):
            state = fold(state ^ words[k], ROOT_3)
        hashes[i] = state
    return count - n + 1 if count else 0


@compiled
def _character_shingles(data: Bytes, start: Any, end: Any, n: Any, units: Any, hashes: Any) -> Any:
    places, count = units[0], 0
    for i in range(start, end):
        if (data[i] & 0xC0) != 0x80:
            places[count] = i
            count += 1
    places[count] = end
    n = min(n, count)
    for i in range(count - n + 1 if count else 0):
        hashes[i] = hash_range(data, places[i], places[i + n])
    return count - n + 1 if count else 0


@compiled
def _set_signatures(sets: Any, functions: Any, minima: Any, keys: Any) -> None:
    for document in range(len(keys)):
        mine = sets.hash[sets.first[document] : sets.first[document + 1]]
        take_minima(mine, functions.a, functions.b, minima[document])
        take_keys(minima[document], keys[document])


@compiled
def _alike(groups: Any, bands: Any, sets: Any, least: Any, parents: Any, edges: Any) -> Any:
    count, begin = 0, 0
    for i in range(len(groups)):
        if groups[i] != groups[begin]:
            begin = i
        for j in range(begin, i):
            a, b = i, j
            a = root(parents, a)
            b = root(parents, b)
            if a == b:
                continue
            shared = False
            for band in range(bands.shape[1]):
                shared = shared or bands[i, band] == bands[j, band]
            if shared and _jaccard(sets, i, j) >= least:
                parents[max(a, b)] = min(a, b)
                edges[count, 0], edges[count, 1] = j, i
                count += 1
    return count


@compiled
def _jaccard(sets: Any, i: Any, j: Any) -> Any:
    a, b, shared = sets.first[i], sets.first[j], 0
    while a < sets.first[i + 1] and b < sets.first[j + 1]:
        left, right = sets.hash[a], sets.hash[b]
        shared += left == right
        a += left <= right
        b += right <= left
    union = sets.first[i + 1] - sets.first[i] + sets.first[j + 1] - sets.first[j] - shared
    return shared / union if union else 0.0
