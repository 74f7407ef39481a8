"""Many sockets read without the interpreter: one wait for all, one read for each that is ready, and its moment.

The sockets are streams in chunks (RFC 9112, section 7.1). Chunks are followed only as far as to know where the last one
ends; whatever is not as it should be is handed to the caller.
"""

import platform
from typing import Any, Final

import numpy as np
from numba import types

from lmloop.kernels.jit import compiled, inlined

Array = np.ndarray[Any, np.dtype[Any]]

MOST: Final = 32
"""So many sockets are read before the next wait, which takes a new stamp: some tenths of a millisecond."""
READ: Final = 8192
"""Bytes that one read takes at most."""
EVENT: Final = 3 if platform.machine() == "x86_64" else 4
"""Words of 32 bits of an event (struct epoll_event is packed on x86-64 alone)."""
_PLACE: Final = 1 if EVENT == 3 else 2
_IN: Final = 1
_MONOTONIC: Final = 1

NOT, SIZE, LINE, DATA, LAST = range(5)
"""What a stream is at: not followed; in a chunk's size; in the rest of that line; in the chunk; behind the last one."""
STATE, LEFT, BYTES, READS, TOLD = range(5)
"""What is known of a stream: what it is at; bytes left of a chunk; bytes and reads kept; the size, as far as read."""
ELSE, FULL, WHOLE = range(3)
"""Why a descriptor is handed over: it is not ours to read, or odd; its place is full; its response is whole."""

_wait: Any = types.ExternalFunction("epoll_wait", types.int32(types.int32, types.intp, types.int32, types.int32))
_recv: Any = types.ExternalFunction("recv", types.intp(types.int32, types.intp, types.uintp, types.int32))
_clock: Any = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.intp))


@inlined
def _digit(letter: int) -> int:
    if 48 <= letter <= 57:
        return letter - 48
    letter |= 32
    return letter - 87 if 97 <= letter <= 102 else -1


@inlined
def _follow(known: Array, data: Array, start: int, end: int) -> int:
    """Follow the chunks; 0 where the stream goes on, 1 where it is whole, -1 where a person should look."""
    state, at = known[STATE], start
    while at < end:
        letter = data[at]
        if state == DATA:
            step = min(known[LEFT], end - at)
            known[LEFT] -= step
            at += step
            if known[LEFT] == 0:
                if data[at - 1] != 10:
                    return -1
                state, known[TOLD] = SIZE, -1
            continue
        at += 1
        if state == SIZE:
            digit = _digit(letter)
            if digit >= 0 and known[TOLD] < 1 << 40:
                known[TOLD] = max(known[TOLD], 0) * 16 + digit
            elif digit < 0 and known[TOLD] >= 0 and (letter in (13, 59)):
                state = LINE
            else:
                return -1
        elif state == LINE:
            if letter == 10:
                known[LEFT] = known[TOLD] + 2
                state = DATA if known[TOLD] else LAST
        else:
            # the line end behind the last chunk; trailers are odd enough to be looked at
            known[LEFT] -= 1
            if letter != (13 if known[LEFT] else 10):
                return -1
            if known[LEFT] == 0:
                return 1 if at == end else -1
    known[STATE] = state
    return 0


@compiled
def collect(epoll: int, until: int, events: Array, slots: Array, known: Array, kept: tuple[Array, ...]) -> int:
    """Read what is followed, until something is to be handed over or it is the moment ``until`` (ns; -1 for never).

    ``kept`` holds what was read: a byte array a slot; the stamps in ns and the sizes of its reads. ``slots`` says which
    slot a descriptor has (-1 for none). What is handed over replaces the first ``events``: descriptor, event, why.
    Gives how many, or -1 where a signal came.
    """
    raw, stamps, sizes, clock = kept
    clock_at, events_at = clock.ctypes.data, events.ctypes.data
    while True:
        _clock(_MONOTONIC, clock_at)
        left = until - (clock[0] * 1_000_000_000 + clock[1])
        wait = -1 if until < 0 else min(max(0, (left + 999_999) // 1_000_000), 1 << 30)
        found = _wait(epoll, events_at, MOST, wait)
        _clock(_MONOTONIC, clock_at)
        stamp, handed = clock[0] * 1_000_000_000 + clock[1], 0
        for number in range(found):
            what, descriptor = events[number * EVENT], events[number * EVENT + _PLACE]
            slot, why = slots[descriptor], ELSE
            if slot >= 0 and known[slot, STATE] != NOT and what == _IN:
                used, reads = known[slot, BYTES], known[slot, READS]
                got = _recv(descriptor, raw[slot].ctypes.data + used, READ, 0)
                if got > 0:
                    stamps[slot, reads], sizes[slot, reads] = stamp, got
                    known[slot, BYTES], known[slot, READS] = used + got, reads + 1
                    end = _follow(known[slot], raw[slot], used, used + got)
                    if end < 0:
                        known[slot, STATE] = NOT
                    elif end > 0:
                        why = WHOLE
                    elif used + got + READ > raw.shape[1] or reads + 2 > stamps.shape[1]:
                        why = FULL
                    else:
                        continue
            events[3 * handed], events[3 * handed + 1], events[3 * handed + 2] = descriptor, what, why
            handed += 1
        if handed or found < 0 or (until >= 0 and stamp >= until):
            return handed if found >= 0 else -1
