"""Byte-pair encoding as a compiled loop: the same ids as the reference library's, many times as fast.

Text is cut into pieces (:mod:`lmloop.kernels.tokenizing.cutting`), and the pieces that were seen before are looked up;
a new one is put together by merging its neighbours, the pair of the lowest rank first and the leftmost of several,
until none is left that may be merged (Sennrich et al. 2016, section 3.2, over bytes).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Hashes, Integers, TextBuffer
from lmloop.kernels.tokenizing.classes import classes
from lmloop.kernels.tokenizing.cutting import Cut, piece_end
from lmloop.kernels.tokenizing.pieces import Pieces, empty, find, key_of, put

u64 = np.uint64
LONGEST_PIECE = 1024
"""Bytes: a document with a longer piece, which only patterns without bounds give, is left to the reference."""
NEVER = np.int32(2**31 - 1)
CACHE_PIECES, CACHE_BYTES, CACHE_IDS = 1 << 18, 4 << 20, 1 << 20

Ids = npt.NDArray[np.uint32]


class Merges(NamedTuple):
    """What may be merged.

    ``bytes`` [256] are the ids of single bytes; ``pairs`` [slots] holds two ids as one number (all ones: free) and
    ``ranks`` [slots] their rank; ``made`` [merges] says which id a merge gives.
    """

    bytes: Ids
    pairs: Hashes
    ranks: "npt.NDArray[np.int32]"
    made: Ids


class Cache(NamedTuple):
    """Pieces that were seen, and their ids: ``sizes[slot]`` of ``ids``, from ``first[slot]`` on."""

    pieces: Pieces
    first: Integers
    sizes: "npt.NDArray[np.int32]"
    ids: Ids
    used: Integers


def merges(byte_ids: Ids, pairs: "npt.NDArray[np.uint64]", made: Ids) -> Merges:
    """Make the table of merges: ``pairs`` [merges, 2] in the order of their rank; of a repeated one the last counts."""
    slots = 1 << max(4, int(2 * len(pairs) + 1).bit_length())
    table = Merges(byte_ids, np.full(slots, ~u64(0)), np.full(slots, NEVER), made)
    _fill(table, pairs)
    return table


def cache() -> Cache:
    """Make an empty cache."""
    slots = CACHE_PIECES
    return Cache(
        empty(slots, CACHE_BYTES),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.int32),
        np.zeros(CACHE_IDS, np.uint32),
        np.zeros(1, np.int64),
    )


class Encoder(NamedTuple):
    """All that encoding needs."""

    cut: Cut
    table: Merges
    seen: Cache


def encode(encoder: Encoder, buffer: TextBuffer) -> tuple[Ids, Integers]:
    """Encode documents: their ids one behind the other, uint32 [tokens], and how many each has, int64 [documents].

    A count of -1 says that the document holds a piece that is too long to be merged here.
    """
    counts = np.zeros(len(buffer.offsets) - 1, np.int64)
    room = int(buffer.offsets[-1] - buffer.offsets[0])
    ids = np.empty(room, np.uint32)
    scratch = (np.empty(LONGEST_PIECE, np.uint32), np.empty(LONGEST_PIECE, np.int32))
    total = _encode(buffer, classes(), encoder, scratch, ids, counts)
    return ids[:total], counts


def merge_alone(table: Merges, buffer: TextBuffer) -> tuple[Ids, Integers]:
    """Encode byte strings of at most :data:`LONGEST_PIECE` bytes as one piece each: ids and counts."""
    counts = np.zeros(len(buffer.offsets) - 1, np.int64)
    ids = np.empty(int(buffer.offsets[-1] - buffer.offsets[0]), np.uint32)
    scratch = (np.empty(LONGEST_PIECE, np.uint32), np.empty(LONGEST_PIECE, np.int32))
    total = _merge_alone(buffer, table, scratch, ids, counts)
    return ids[:total], counts


@inlined
def pair_slot(pairs: Any, left: Any, right: Any) -> Any:
    """Give the slot of a pair, or the free one where it belongs."""
    mask = len(pairs) - 1
    pair = (u64(left) << u64(32)) | u64(right)
    slot = np.int64((pair * u64(0x9E3779B97F4A7C15)) >> u64(24)) & mask
    while pairs[slot] != pair and pairs[slot] != ~u64(0):
        slot = (slot + 1) & mask
    return slot


@inlined
def merge_piece(data: Any, start: Any, stop: Any, table: Any, ids: Any, ranks: Any) -> Any:
    """Put the ids of ``data[start:stop]`` into ``ids``, and give their number."""
    count = stop - start
    for k in range(count):
        ids[k] = table.bytes[data[start + k]]
    for k in range(count - 1):
        ranks[k] = table.ranks[pair_slot(table.pairs, ids[k], ids[k + 1])]
    while count > 1:
        best, at = NEVER, 0
        for k in range(count - 1):
            if ranks[k] < best:
                best, at = ranks[k], k
        if best == NEVER:
            break
        ids[at] = table.made[best]
        count -= 1
        for k in range(at + 1, count):
            ids[k] = ids[k + 1]
        for k in range(at + 1, count - 1):
            ranks[k] = ranks[k + 1]
        if at > 0:
            ranks[at - 1] = table.ranks[pair_slot(table.pairs, ids[at - 1], ids[at])]
        if at < count - 1:
            ranks[at] = table.ranks[pair_slot(table.pairs, ids[at], ids[at + 1])]
    return count


@inlined
def remember(seen: Any, slot: Any, data: Any, start: Any, stop: Any, key: Any) -> Any:
    """Keep a piece whose ids stand at ``seen.used``; a full cache is emptied: most pieces come again soon."""
    if seen.used[0] + (stop - start) > len(seen.ids) or not put(seen.pieces, slot, data, start, stop, key):
        seen.pieces.keys[:] = 0
        seen.pieces.used[:] = 0
        seen.used[0] = 0
        return False
    return True


@compiled
def _fill(table: Any, pairs: Any) -> None:
    for rank in range(len(pairs)):
        slot = pair_slot(table.pairs, pairs[rank, 0], pairs[rank, 1])
        table.pairs[slot] = (u64(pairs[rank, 0]) << u64(32)) | u64(pairs[rank, 1])
        table.ranks[slot] = rank


@compiled
def _encode(buffer: Any, classes: Any, encoder: Any, scratch: Any, out: Any, counts: Any) -> Any:
    data, seen = buffer.data, encoder.seen
    ids, ranks = scratch
    total = 0
    for document in range(len(counts)):
        i, end = buffer.offsets[document], buffer.offsets[document + 1]
        begin = total
        while i < end:
            stop = piece_end(data, i, end, classes, encoder.cut)
            key = key_of(data, i, stop)
            slot = find(seen.pieces, data, i, stop, key)
            if seen.pieces.keys[slot] != 0:
                first, count = seen.first[slot], seen.sizes[slot]
                for k in range(count):
                    out[total + k] = seen.ids[first + k]
            elif stop - i > LONGEST_PIECE:
                total, counts[document] = begin, -1
                break
            else:
                count = merge_piece(data, i, stop, encoder.table, ids, ranks)
                for k in range(count):
                    out[total + k] = ids[k]
                if remember(seen, slot, data, i, stop, key):
                    first = seen.used[0]
                    seen.first[slot], seen.sizes[slot] = first, count
                    for k in range(count):
                        seen.ids[first + k] = ids[k]
                    seen.used[0] += count
            total += count
            i = stop
        if counts[document] == 0:
            counts[document] = total - begin
    return total


@compiled
def _merge_alone(buffer: Any, table: Any, scratch: Any, out: Any, counts: Any) -> Any:
    ids, ranks = scratch
    total = 0
    for document in range(len(counts)):
        count = merge_piece(buffer.data, buffer.offsets[document], buffer.offsets[document + 1], table, ids, ranks)
        for k in range(count):
            out[total + k] = ids[k]
        counts[document] = count
        total += count
    return total
