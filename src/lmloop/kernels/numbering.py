"""Numbering keys: which of a document's pieces are equal, and how often each comes."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.bits import fold
from lmloop.kernels.hashing import GOLDEN
from lmloop.kernels.jit import inlined
from lmloop.kernels.text import Bytes, Hashes, Integers

Numbers = npt.NDArray[np.int32]
PADDING = 16  # zero bytes behind what is joined


class Scratch(NamedTuple):
    """Room for one document, used again for each.

    ``keys`` [n] what to number; ``numbers`` [n] the number of each; ``places`` [n] token at which it starts;
    ``slots`` [2^k >= 2n] the hash table (number + 1; 0 free); ``known`` [n] key of each number; ``counts`` [n]
    how often each number came; ``marks`` [2^k >= 4n] what :func:`mark_keys` saw; ``ends`` [n + 1] code points in the
    tokens before each; ``characters`` what the n-grams of each size hold. For n-grams that are compared as joined text:
    ``joined``, the bytes of all tokens, ``joined_ends`` [n + 1], where each begins there, and ``starts`` [n], tokens
    at which one may begin.
    """

    keys: Hashes
    numbers: Numbers
    places: Numbers
    slots: Numbers
    known: Hashes
    counts: Numbers
    marks: Bytes
    ends: Integers
    characters: Integers
    joined: Bytes
    joined_ends: Integers
    starts: Numbers


def make_scratch(room: int, statistics: int = 0, joined: int = 0) -> Scratch:
    """Make room for a document of so many tokens or lines, so many statistics, and so many bytes to join."""
    return Scratch(
        keys=np.empty(room, np.uint64),
        numbers=np.empty(room, np.int32),
        places=np.empty(room, np.int32),
        slots=np.empty(max(16, 1 << (2 * room - 1).bit_length()), np.int32),
        known=np.empty(room, np.uint64),
        counts=np.empty(room, np.int32),
        marks=np.empty(max(64, 1 << (4 * room - 1).bit_length()), np.uint8),
        ends=np.empty(room + 1, np.int64),
        characters=np.empty(statistics, np.int64),
        joined=np.empty(joined + PADDING, np.uint8),
        joined_ends=np.empty(room + 1, np.int64),
        starts=np.empty(room if joined else 0, np.int32),
    )


@inlined
def mark_keys(scratch: Any, count: Any) -> Any:
    """Mark the first ``count`` keys, which must be hashes; gives a mask.

    ``marks[key & mask]`` is then 3 or more for all keys that come twice, and for few others.
    """
    size = 64
    while size < 4 * count:
        size *= 2
    for slot in range(size):
        scratch.marks[slot] = 0
    mask = np.uint64(size - 1)
    for k in range(count):
        slot = scratch.keys[k] & mask
        scratch.marks[slot] = (scratch.marks[slot] << 1) | 1
    return mask


@inlined
def keep_repeated(scratch: Any, count: Any) -> Any:
    """Drop most of the first ``count`` keys, and their places, that come but once; gives how many are left.

    None is dropped that comes twice. No jump depends on the keys: it takes a fraction of numbering them.
    """
    mask, kept = mark_keys(scratch, count), 0
    for k in range(count):
        key = scratch.keys[k]
        scratch.keys[kept] = key
        scratch.places[kept] = scratch.places[k]
        kept += scratch.marks[key & mask] >= 3
    return kept


@inlined
def number_keys(scratch: Any, count: Any) -> Any:
    """Number the first ``count`` keys: equal keys alike, in the order in which they first come; gives how many."""
    size = 16
    while size < 2 * count:
        size *= 2
    for slot in range(size):
        scratch.slots[slot] = 0
    mask, total = np.uint64(size - 1), np.int64(0)
    for k in range(count):
        key = scratch.keys[k]
        probe = fold(key, GOLDEN) & mask
        while True:
            number = np.int64(scratch.slots[probe]) - 1
            if number < 0:
                number = total
                scratch.slots[probe] = total + 1
                scratch.known[total] = key
                scratch.counts[total] = 0
                total += 1
                break
            if scratch.known[number] == key:
                break
            probe = (probe + np.uint64(1)) & mask
        scratch.counts[number] += 1
        scratch.numbers[k] = number
    return total


@inlined
def duplicate_grams(size: Any, candidates: Any, scratch: Any) -> Any:
    """Count the code points in n-grams that were there before; one that is counted is stepped over whole.

    Leaves ``counts`` negative for n-grams that were met, and right again for who asks after their size.
    """
    free, characters = 0, np.int64(0)
    for k in range(candidates):
        place, number = scratch.places[k], scratch.numbers[k]
        if place < free:
            continue
        if scratch.counts[number] < 0:
            characters += scratch.ends[place + size] - scratch.ends[place]
            free = place + size
        else:
            scratch.counts[number] = -scratch.counts[number]
    for k in range(candidates):
        scratch.counts[scratch.numbers[k]] = abs(scratch.counts[scratch.numbers[k]])
    return characters
