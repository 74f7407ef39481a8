"""A table of pieces: byte strings that are looked up where they stand in a text, without copying them."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.hashing import hash_range
from lmloop.kernels.jit import inlined
from lmloop.kernels.text import Bytes, Hashes, Integers

u64 = np.uint64
FULL = 0.5
"""The share of slots that may be taken: beyond it, looking for a free one takes long."""


class Pieces(NamedTuple):
    """Pieces in an open hash table.

    ``keys`` [slots] holds hashes (0: free), ``place`` [slots] and ``size`` [slots] say where the bytes of a piece lie
    in ``store``; ``used`` counts the pieces and the bytes stored.
    """

    keys: Hashes
    place: Integers
    size: "npt.NDArray[np.int32]"
    store: Bytes
    used: Integers


def empty(slots: int, store: int) -> Pieces:
    """Make an empty table: ``slots`` is a power of two, ``store`` a number of bytes."""
    assert slots & (slots - 1) == 0
    return Pieces(
        np.zeros(slots, np.uint64),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.int32),
        np.zeros(store, np.uint8),
        np.zeros(2, np.int64),
    )


@inlined
def key_of(data: Any, start: Any, stop: Any) -> Any:
    """Give the key of a piece: never 0."""
    return hash_range(data, start, stop) | u64(1)


@inlined
def find(pieces: Any, data: Any, start: Any, stop: Any, key: Any) -> Any:
    """Give the slot of ``data[start:stop]``, or of the free place where it belongs."""
    mask = len(pieces.keys) - 1
    slot = np.int64(key >> u64(20)) & mask
    size = stop - start
    while pieces.keys[slot] != 0:
        if pieces.keys[slot] == key and pieces.size[slot] == size:
            place, k = pieces.place[slot], 0
            while k < size and pieces.store[place + k] == data[start + k]:
                k += 1
            if k == size:
                break
        slot = (slot + 1) & mask
    return slot


@inlined
def put(pieces: Any, slot: Any, data: Any, start: Any, stop: Any, key: Any) -> Any:
    """Put a piece into the free slot that :func:`find` gave; says whether there was room."""
    size, place = stop - start, pieces.used[1]
    if pieces.used[0] >= FULL * len(pieces.keys) or place + size > len(pieces.store):
        return False
    for k in range(size):
        pieces.store[place + k] = data[start + k]
    pieces.keys[slot], pieces.place[slot], pieces.size[slot] = key, place, size
    pieces.used[0] += 1
    pieces.used[1] += size
    return True
