"""The measuring processes, seen from the parent: started, let go at one moment, watched, and stopped."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmloop.core.errors import StepError
from lmloop.loadtest.clock import SECOND, now
from lmloop.loadtest.job import Job

PATIENCE = 60.0
"""Seconds that a process may take to start."""
AHEAD = SECOND // 4
"""So long after the word all begin."""
LEAVE = 20.0
"""Seconds that a process has to leave once it was told to stop."""
START = "import sys; sys.path[:] = {path!r}; from lmloop.loadtest.worker import serve; serve()"


@dataclass(slots=True)
class Standing:
    """How a test stands, over all processes."""

    seconds: float = 0.0
    begun: int = 0
    ended: int = 0
    failed: int = 0
    open: int = 0
    busy: float = 0.0


@dataclass(slots=True)
class Told:
    """What is known of the processes at the end: when all began, by how many ns the last was late, who died."""

    start: int = 0
    late: int = 0
    stopped: bool = False
    died: list[str] = field(default_factory=list)


class Crew:
    """Carries out jobs, one process each."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._processes: list[subprocess.Popen[bytes]] = []
        self._rest: dict[int, bytes] = {}
        self._last: dict[int, dict[str, Any]] = {}
        self._told = Told()

    def carry_out(self, watch: Callable[[Standing], None]) -> Told:
        """Run all jobs to their end; a Ctrl-C stops them early, and what they have measured counts.

        Raises:
            StepError: a process did not start.
        """
        try:
            self._start()
            self._told.start = now() + AHEAD
            self._say(f"go {self._told.start}")
            self._watch(watch)
        except KeyboardInterrupt:
            self._told.stopped = True
            self._say("stop")
            with suppress(KeyboardInterrupt):  # pressed again: do not wait
                self._watch(lambda standing: None, time.monotonic() + LEAVE)
        finally:
            self._dismiss()
        return self._told

    def _start(self) -> None:
        code = START.format(path=[path or str(Path.cwd()) for path in sys.path])
        for job in self._jobs:
            process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
            self._processes.append(process)
            assert process.stdin is not None
            process.stdin.write(job.line().encode() + b"\n")
            process.stdin.flush()
        ready: set[int] = set()

        def seen(row: dict[str, Any]) -> None:
            if "ready" in row:
                ready.add(row["ready"])

        until = time.monotonic() + PATIENCE
        self._listen(seen, lambda: len(ready) == len(self._jobs), until)
        if len(ready) < len(self._jobs):
            raise StepError(
                f"{len(self._jobs) - len(ready)} of {len(self._jobs)} measuring processes did not start",
                hint="the machine is busy or short of memory: use fewer --workers",
            )

    def _watch(self, watch: Callable[[Standing], None], until: float | None = None) -> None:
        def seen(row: dict[str, Any]) -> None:
            if "worker" not in row:
                return
            self._last[row["worker"]] = row
            self._told.late = max(self._told.late, row.get("started_late", 0))
            rows = self._last.values()
            begun, ended, failed, opened = (
                sum(each[name] for each in rows) for name in ("begun", "ended", "failed", "open")
            )
            busy = max(each["cpu"] / max(each["seconds"], 1e-9) for each in rows)
            watch(Standing(max(each["t"] for each in rows), begun, ended, failed, opened, busy))

        self._listen(seen, lambda: False, until)
        for job, process in zip(self._jobs, self._processes, strict=True):
            if not self._last.get(job.number, {}).get("end"):
                self._told.died.append(f"process {job.number} ended with {process.poll()}")

    def _listen(
        self, seen: Callable[[dict[str, Any]], None], enough: Callable[[], bool], until: float | None = None
    ) -> None:
        """Take lines from all processes until all have left, it is enough, or it is time."""
        with selectors.DefaultSelector() as selector:
            for process in self._processes:
                assert process.stdout is not None
                selector.register(process.stdout, selectors.EVENT_READ)
            while selector.get_map() and not enough():
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return
                for key, _ in selector.select(left):
                    data = os.read(key.fd, 1 << 16)
                    if not data:
                        selector.unregister(key.fileobj)
                    *lines, self._rest[key.fd] = (self._rest.get(key.fd, b"") + data).split(b"\n")
                    for line in lines:
                        seen(json.loads(line))

    def _say(self, line: str) -> None:
        for process in self._processes:
            assert process.stdin is not None
            with suppress(OSError):
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()

    def _dismiss(self) -> None:
        for process in self._processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
        until = time.monotonic() + LEAVE
        for process in self._processes:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ticks(log: Path) -> list[dict[str, Any]]:
    """Read what the process that wrote a log told of itself; a last line that was cut off is passed over."""
    place = Path(f"{log}.ticks")
    rows = []
    for line in place.read_text(encoding="utf-8").splitlines() if place.exists() else ():
        with suppress(ValueError):
            rows.append(json.loads(line))
    return rows
