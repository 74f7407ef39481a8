"""Counting pieces: what a corpus is made of, in memory that has a limit.

To learn merges one needs to know each different piece and how often it occurs, and nothing else of the text. A
corpus of any size gives a table of some hundred thousand pieces; where it would give more than the limit, the
rarest are forgotten now and then (Manku and Motwani 2002, "lossy counting"): those do not decide about merges.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from lmloop.kernels.jit import compiled
from lmloop.kernels.text import Bytes, Integers, TextBuffer
from lmloop.kernels.tokenizing.classes import classes
from lmloop.kernels.tokenizing.cutting import Cut, piece_end
from lmloop.kernels.tokenizing.pieces import empty, find, key_of, put

FIRST_SLOTS = 1 << 16
BYTES_PER_PIECE = 16


class Counted(NamedTuple):
    """Different pieces: piece ``i`` is ``data[offsets[i]:offsets[i + 1]]`` and occurs ``counts[i]`` times.

    They stand in the order in which they were first seen. uint8 [bytes], int64 [pieces + 1], int64 [pieces].
    """

    data: Bytes
    offsets: Integers
    counts: Integers


class PieceCounter:
    """Counts the pieces of texts; at most about ``most`` different ones are kept at a time."""

    def __init__(self, cut: Cut, most: int = 1 << 21) -> None:
        self.cut = cut
        self.most = most
        self.forgotten = 0
        """How many occurrences were forgotten because there were too many different pieces."""
        self._table = empty(FIRST_SLOTS, FIRST_SLOTS * BYTES_PER_PIECE)
        self._counts = np.zeros(FIRST_SLOTS, np.int64)

    def add(self, buffer: TextBuffer) -> None:
        """Count the pieces of some documents."""
        place = np.zeros(2, np.int64)
        place[1] = buffer.offsets[0]
        while not _count(buffer, classes(), self.cut, self._table, self._counts, place):
            self._make_room()

    def counted(self) -> Counted:
        """Give what was counted so far."""
        table = self._table
        slots = np.flatnonzero(table.keys)
        slots = slots[np.argsort(table.place[slots], kind="stable")]
        offsets = np.zeros(len(slots) + 1, np.int64)
        np.cumsum(table.size[slots], out=offsets[1:])
        data = np.empty(offsets[-1], np.uint8)
        _gather(table, slots, offsets, data)
        return Counted(data, offsets, self._counts[slots])

    def _make_room(self) -> None:
        """Double the table or, at the limit, forget the rarest half."""
        kept = self.counted()
        if self._table.used[0] >= self.most:
            least = int(np.median(kept.counts))
            keep = kept.counts > least
            self.forgotten += int(kept.counts[~keep].sum())
            sizes = np.diff(kept.offsets)
            data = kept.data[np.repeat(keep, sizes)]
            kept = Counted(data, np.concatenate([[0], np.cumsum(sizes[keep])]), kept.counts[keep])
            slots, store = len(self._table.keys), len(self._table.store)
        else:
            slots, store = 2 * len(self._table.keys), max(2 * len(self._table.store), 4 * len(kept.data))
        self._table, self._counts = empty(slots, store), np.zeros(slots, np.int64)
        assert _restore(kept, self._table, self._counts)


def cut_texts(buffer: TextBuffer, cut: Cut) -> Iterator[bytes]:
    """List the pieces of all documents, in order: to look at."""
    data = buffer.data.tobytes()
    stops = np.zeros(int(buffer.offsets[-1] - buffer.offsets[0]), np.int64)
    count = _stops(buffer, classes(), cut, stops)
    start = int(buffer.offsets[0])
    for stop in stops[:count].tolist():
        yield data[start:stop]
        start = stop


@compiled
def _count(buffer: Any, classes: Any, cut: Any, table: Any, counts: Any, place: Any) -> Any:
    """Count from ``place`` on (document and byte); gives whether all was counted before the table was full."""
    data = buffer.data
    for document in range(place[0], len(buffer.offsets) - 1):
        i, end = max(place[1], buffer.offsets[document]), buffer.offsets[document + 1]
        while i < end:
            stop = piece_end(data, i, end, classes, cut)
            key = key_of(data, i, stop)
            slot = find(table, data, i, stop, key)
            if table.keys[slot] == 0 and not put(table, slot, data, i, stop, key):
                place[0], place[1] = document, i
                return False
            counts[slot] += 1
            i = stop
    return True


@compiled
def _gather(table: Any, slots: Any, offsets: Any, data: Any) -> None:
    for k in range(len(slots)):
        place = table.place[slots[k]]
        for j in range(offsets[k + 1] - offsets[k]):
            data[offsets[k] + j] = table.store[place + j]


@compiled
def _restore(kept: Any, table: Any, counts: Any) -> Any:
    for k in range(len(kept.counts)):
        start, stop = kept.offsets[k], kept.offsets[k + 1]
        key = key_of(kept.data, start, stop)
        slot = find(table, kept.data, start, stop, key)
        if not put(table, slot, kept.data, start, stop, key):
            return False
        counts[slot] = kept.counts[k]
    return True


@compiled
def _stops(buffer: Any, classes: Any, cut: Any, stops: Any) -> Any:
    count = 0
    for document in range(len(buffer.offsets) - 1):
        i, end = buffer.offsets[document], buffer.offsets[document + 1]
        while i < end:
            i = piece_end(buffer.data, i, end, classes, cut)
            stops[count] = i
            count += 1
    return count
