"""One clock for all processes of the machine, and callbacks at exact moments of it.

Event loops wake to the millisecond at best. On Linux a timer descriptor (timerfd_create(2)) wakes them within some tens
of microseconds; elsewhere the loop's own timers do.
"""

import asyncio
import contextlib
import ctypes
import heapq
import os
import sys
import time
from collections.abc import Callable
from typing import Final

SECOND: Final = 1_000_000_000
now: Final = time.monotonic_ns
"""Nanoseconds of the machine's monotonic clock: the same in every process."""

_MONOTONIC, _NONBLOCK, _ABSOLUTE = 1, 0o4000, 1


class Timer:
    """Calls back at moments of :data:`now`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._armed = 0
        self._alarm = _Alarm() if sys.platform == "linux" else None
        self._handle: asyncio.TimerHandle | None = None
        if self._alarm is not None:
            loop.add_reader(self._alarm.descriptor, self._rung)

    def at(self, due: int, callback: Callable[[], None]) -> None:
        """Call back at ``due``, or at once where that is past."""
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, callback))
        if not self._armed or due < self._armed:
            self._arm()

    async def until(self, due: int) -> None:
        """Wait until a moment."""
        if due <= now():
            return
        waiting: asyncio.Future[None] = self._loop.create_future()

        def ring() -> None:
            if not waiting.done():
                waiting.set_result(None)

        self.at(due, ring)
        await waiting

    def _rung(self) -> None:
        if self._alarm is not None:
            self._alarm.read()
        self._ring()

    def _ring(self) -> None:
        self._armed = 0
        heap = self._heap
        while heap and heap[0][0] <= now():
            heapq.heappop(heap)[2]()
        if heap and not self._armed:
            self._arm()

    def _arm(self) -> None:
        self._armed = due = self._heap[0][0]
        if self._alarm is not None:
            self._alarm.set(due)
            return
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_later(max(0, due - now()) / SECOND, self._ring)


class _Alarm:
    """A timer descriptor of the kernel."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._libc.timerfd_create(_MONOTONIC, _NONBLOCK)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "the kernel gives no timer")
        self._spec = (ctypes.c_long * 4)()
        self._at = ctypes.byref(self._spec)

    def set(self, due: int) -> None:
        """Ring at a moment; a moment that is past rings at once."""
        # all zero would switch the timer off
        self._spec[2], self._spec[3] = divmod(max(due, 1), SECOND)
        self._libc.timerfd_settime(self.descriptor, _ABSOLUTE, self._at, None)

    def read(self) -> None:
        """Make it stop ringing."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, 8)
