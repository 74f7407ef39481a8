"""A measuring process: it plays its share of a schedule against a server and logs what it reads, raw.

It listens on stdin (``go START``, ``stop``), tells how it stands on stdout, a line of JSON each half second, and ends
when its parent does: the pipe it listens to is then closed. What it has measured is on disk.
"""

import asyncio
import gc
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmloop.loadtest.clock import SECOND, Timer, now
from lmloop.loadtest.frames import Log
from lmloop.loadtest.job import Job
from lmloop.loadtest.player import Player
from lmloop.loadtest.sockets import THERE, Loop

TICK = SECOND // 2
BEAT = SECOND // 50


@dataclass(slots=True)
class Vitals:
    """How the process itself is doing: lateness of a beat of 50 Hz, and CPU time."""

    late: list[int] = field(default_factory=list)
    cpu: float = field(default_factory=time.process_time)
    at: int = field(default_factory=now)

    def tick(self, start: int) -> dict[str, Any]:
        """Give what happened since the last tick."""
        cpu, at = time.process_time(), now()
        late, self.late = sorted(self.late), []
        told = {
            "t": round((at - start) / SECOND, 3),
            "seconds": (at - self.at) / SECOND,
            "cpu": cpu - self.cpu,
            "beats": late,
        }
        self.cpu, self.at = cpu, at
        return told


class Process:
    """One run of a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._vitals = Vitals()
        self._going = True
        self._stopped = False
        self._ticks = Path(f"{job.log}.ticks").open("w", encoding="utf-8")  # noqa: SIM115 - closed at the end of play

    async def play(self) -> None:
        """Wait for the start, play, and tell the end."""
        job, loop = self._job, asyncio.get_running_loop()
        timer, log = Timer(loop), Log(Path(job.log))
        commands: asyncio.Queue[str] = asyncio.Queue()
        os.set_blocking(0, False)
        loop.add_reader(0, self._listen, commands)
        tell({"ready": job.number})
        order = await commands.get()
        if order.startswith("go"):
            start = int(order.split()[1])
            late = max(0, now() - start)
            player = Player(job, timer, log.put, start)
            self._beat(timer, start, now())
            self._tick(timer, player, start, now())
            playing = asyncio.ensure_future(player.play())
            listening = asyncio.ensure_future(commands.get())
            await asyncio.wait({playing, listening}, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                self._stopped = True
                player.stop()
                await playing
            listening.cancel()
            playing.result()
            self._going = False
            self._say(player, start, {"end": True, "started_late": late, "stopped": self._stopped})
        self._ticks.close()
        log.close()

    def _listen(self, commands: "asyncio.Queue[str]") -> None:
        with suppress(BlockingIOError):
            data = os.read(0, 4096)
            for line in data.decode().split("\n") if data else ["stop"]:
                if line:
                    commands.put_nowait(line)
            if not data:
                asyncio.get_running_loop().remove_reader(0)

    def _beat(self, timer: Timer, start: int, due: int) -> None:
        self._vitals.late.append(max(0, now() - due))
        if self._going:
            after = max(due + BEAT, now())
            timer.at(after, lambda: self._beat(timer, start, after))

    def _tick(self, timer: Timer, player: Player, start: int, due: int) -> None:
        if self._going:
            self._say(player, start, {})
            after = max(due + TICK, now())
            timer.at(after, lambda: self._tick(timer, player, start, after))

    def _say(self, player: Player, start: int, more: dict[str, Any]) -> None:
        told = {"worker": self._job.number, "start": start, **self._vitals.tick(start), **player.told(), **more}
        self._ticks.write(json.dumps(told) + "\n")
        self._ticks.flush()
        tell({name: value for name, value in told.items() if name != "beats"})


def tell(row: dict[str, Any]) -> None:
    """Say a line to the parent; that it has gone is no reason to fail."""
    with suppress(OSError):
        os.write(1, json.dumps(row).encode() + b"\n")


def serve() -> None:
    """Read the job from the first line of stdin and carry it out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return
        line += byte
    job = Job.read(line.decode())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard) if hard > soft else (soft, hard))
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    run(Process(job).play(), own=THERE and not job.where.tls)


def ask_precedence() -> None:
    """Ask the system to run this process as soon as something is there for it, not when others have had their turn.

    On a busy Linux machine that is the difference between hundredths of a millisecond and several.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (OSError, AttributeError):
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, 0, -10)


def run(playing: Coroutine[Any, Any, None], own: bool = False) -> None:
    """Run ahead of other processes, where that is allowed: on a loop of our ``own``, uvloop, or asyncio's."""
    ask_precedence()
    factory: Callable[[], asyncio.AbstractEventLoop] | None = Loop if own else None
    if not own:
        with suppress(ModuleNotFoundError):
            import uvloop

            factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(playing)


if __name__ == "__main__":
    serve()
    sys.exit(0)
