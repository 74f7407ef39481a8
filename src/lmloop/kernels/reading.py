"""Many sockets read without the interpreter: one wait for all, one read for each that is ready, and its moment.

The moment is the kernel's, of when the bytes arrived, where the socket says it (``SO_TIMESTAMPNS``); else the end of
the wait. As a stamp of the kernel does not hang on when it is read, sockets can then be read in rounds: so many
nanoseconds pass after one, in which only what is not a stream may end the wait.

The sockets are streams in chunks (RFC 9112, section 7.1). Chunks are followed only as far as to know where the last one
ends; whatever is not as it should be is handed to the caller.
"""

import platform
from typing import Any, Final

import numpy as np

from lmloop.kernels.jit import External, compiled, inlined

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

CLOCK, MESSAGE, VECTOR, CONTROL, POLL, ROUND = 0, 4, 11, 13, 21, 22
"""Places in the words that we and the system tell each other: two times; msghdr, iovec, cmsghdr, pollfd; last round."""
WORDS: Final = 24
SO_TIMESTAMPNS: Final = 35
_STAMPED: Final = 1 | SO_TIMESTAMPNS << 32
_SECOND: Final = 1_000_000_000

_wait: Any = External("epoll_wait", "int32(int32, intp, int32, int32)")
_poll: Any = External("ppoll", "int32(intp, uintp, intp, intp)")
_recv: Any = External("recvmsg", "intp(int32, intp, int32)")
_clock: Any = External("clock_gettime", "int32(int32, intp)")


@inlined
def _now(words: Array, clock: int) -> int:
    _clock(clock, words.ctypes.data)
    return words[CLOCK] * _SECOND + words[CLOCK + 1]  # type: ignore[no-any-return]


@inlined
def _pause(words: Array, other: int, pause: int) -> None:
    """Wait for so many ns, or until ``other`` is ready."""
    words[POLL], words[CLOCK], words[CLOCK + 1] = other | 1 << 32, pause // _SECOND, pause % _SECOND
    _poll(words.ctypes.data + 8 * POLL, 1, words.ctypes.data, 0)


@inlined
def _read(words: Array, descriptor: int, place: int) -> int:
    """Read once."""
    here = words.ctypes.data
    words[MESSAGE] = words[MESSAGE + 1] = words[MESSAGE + 6] = 0
    words[MESSAGE + 2], words[MESSAGE + 3] = here + 8 * VECTOR, 1
    words[MESSAGE + 4], words[MESSAGE + 5] = here + 8 * CONTROL, 8 * (POLL - CONTROL)
    words[VECTOR], words[VECTOR + 1] = place, READ
    words[CONTROL + 1] = 0
    return _recv(descriptor, here + 8 * MESSAGE, 0)  # type: ignore[no-any-return]


@inlined
def _stamp(words: Array, ended: int, ahead: int) -> int:
    """Give when what was just read had come; the kernel's clock is ``ahead`` of ours."""
    if words[CONTROL + 1] != _STAMPED:
        return ended
    return min(ended, words[CONTROL + 2] * _SECOND + words[CONTROL + 3] - ahead)  # type: ignore[no-any-return]


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
def collect(
    where: tuple[int, int], until: int, pause: int, events: Array, streams: tuple[Array, Array], kept: tuple[Array, ...]
) -> int:
    """Read what is followed, until something is to be handed over or it is the moment ``until`` (ns; -1 for never).

    ``where`` are two epoll descriptors: of all, and of what is not read here. ``pause`` is how long a round is, in ns.
    ``streams`` says which slot a descriptor has (-1 for none), and what is known of each slot. ``kept`` holds what was
    read: bytes by slot; the stamps in ns and the sizes of its reads; and words for the system. What is handed over
    replaces the first ``events``: descriptor, event, why. Gives how many, or -1 where a signal came.
    """
    (epoll, other), (slots, known), (raw, stamps, sizes, words) = where, streams, kept
    while True:
        moment = _now(words, _MONOTONIC)
        rest = words[ROUND] + pause - moment
        if rest > 0 and until >= 0:
            rest = min(rest, until - moment)
        if rest > 0:
            _pause(words, other, rest)
            moment = _now(words, _MONOTONIC)
        wait = -1 if until < 0 else min(max(0, (until - moment + 999_999) // 1_000_000), 1 << 30)
        found = _wait(epoll, events.ctypes.data, MOST, wait)
        ended, handed = _now(words, _MONOTONIC), 0
        ahead = _now(words, 0) - ended
        words[ROUND] = ended if found < MOST else 0
        for number in range(found):
            what, descriptor = events[number * EVENT], events[number * EVENT + _PLACE]
            slot, why = slots[descriptor], ELSE
            if slot >= 0 and known[slot, STATE] != NOT and what == _IN:
                used, reads = known[slot, BYTES], known[slot, READS]
                got = _read(words, descriptor, raw[slot].ctypes.data + used)
                if got > 0:
                    stamps[slot, reads], sizes[slot, reads] = _stamp(words, ended, ahead), got
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
        if handed or found < 0 or (until >= 0 and ended >= until):
            return handed if found >= 0 else -1
