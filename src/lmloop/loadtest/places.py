"""Where the bytes of streams are kept while the interpreter sleeps: a place for each socket, handed over as a whole."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lmloop.kernels.jit import prepared
from lmloop.kernels.reading import BYTES, EVENT, MOST, READS, SIZE, STATE, TOLD, WORDS, collect

BEGIN: Final = 64
KEPT: Final = 32 << 10
"""Bytes a place: after a hundred reads or so, they go to the interpreter."""
MANY: Final = 256
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads behind each other: the moment of each in ns, its size, and all bytes."""

    stamps: Array
    sizes: "array[int]"
    raw: bytes


class Places:
    """The arrays that the kernel fills; a place belongs to one descriptor at a time."""

    def __init__(self) -> None:
        self._events = np.zeros(EVENT * MOST, np.uint32)
        self._words = np.zeros(WORDS, np.int64)
        self._slots = np.full(1024, -1, np.int32)
        self._free: list[int] = []
        self._known = np.zeros((0, 5), np.int64)
        self._raw = np.zeros((0, KEPT), np.uint8)
        self._stamps = np.zeros((0, MANY), np.int64)
        self._sizes = np.zeros((0, MANY), np.uint32)
        self._where = (-1, -1)
        self._collect: Callable[[int, int], int] | None = None  # for the arrays as they are now

    def add(self, descriptor: int) -> None:
        """Give a descriptor a place; nothing is followed yet."""
        if descriptor >= len(self._slots):
            more = np.full(2 * descriptor - len(self._slots), -1, np.int32)
            self._slots = np.concatenate([self._slots, more])
            self._collect = None
        if not self._free:
            self._grow()
        self._slots[descriptor] = self._free.pop()

    def drop(self, descriptor: int) -> None:
        """Take its place back."""
        slot = int(self._slots[descriptor])
        self._known[slot] = 0
        self._slots[descriptor] = -1
        self._free.append(slot)

    def follow(self, descriptor: int) -> None:
        """Follow a stream whose next byte begins the size of a chunk."""
        known = self._known[self._slots[descriptor]]
        known[:] = 0
        known[STATE], known[TOLD] = SIZE, -1

    def take(self, descriptor: int, on: bool) -> Reads:
        """Give what was read, and go on with the same stream or not."""
        slot = self._slots[descriptor]
        known = self._known[slot]
        size, reads = known[BYTES], known[READS]
        raw, sizes = self._raw[slot, :size].tobytes(), array("I", self._sizes[slot, :reads].tobytes())
        found = Reads(self._stamps[slot, :reads].copy(), sizes, raw)
        known[BYTES] = known[READS] = 0
        if not on:
            known[:] = 0
        return found

    def collect(self, where: tuple[int, int], until: int, pause: int) -> list[list[int]]:
        """Read until something is to be done: a descriptor, its events, and why, each."""
        if self._collect is None or where != self._where:
            kept = self._raw, self._stamps, self._sizes, self._words
            held = self._events, (self._slots, self._known), kept
            self._where, self._collect = where, prepared(collect, where, 0, 0, *held)
        found = self._collect(until, pause)
        return [row.tolist() for row in self._events[: 3 * max(found, 0)].reshape(-1, 3)]

    def _grow(self) -> None:
        old = len(self._known)
        more = max(BEGIN, old)
        for name in ("_known", "_raw", "_stamps", "_sizes"):
            held = getattr(self, name)
            grown = np.zeros((old + more, held.shape[1]), held.dtype)  # untouched pages take no memory
            grown[:old] = held
            setattr(self, name, grown)
        self._collect = None
        self._free += range(old + more - 1, old - 1, -1)
