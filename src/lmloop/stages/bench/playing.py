"""One test: processes play a schedule, and what they logged becomes rows of a table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmloop.core.engine.pool import Pool
from lmloop.core.step import Context
from lmloop.loadtest import crew, table
from lmloop.loadtest.amounts import Limit
from lmloop.loadtest.job import Job
from lmloop.loadtest.measures import Summary, load, summarize
from lmloop.loadtest.scrape import Histogram
from lmloop.loadtest.target import Address, Form
from lmloop.loadtest.verdict import Client, Reason, client, judge
from lmloop.stages.bench.settings import LoadTable, RequestTable

WORTH = 50 << 20
"""Logs of so many bytes are parsed side by side; of less, that is done before a second process has started."""


@dataclass(frozen=True, slots=True)
class Test:
    """What a test found: its number, the rate that was asked for, the numbers, the client's own, and the verdict."""

    run: int
    rate: str
    summary: Summary
    client: Client
    reasons: tuple[Reason, ...]
    stopped: bool = False
    server: Histogram | None = None


@dataclass(frozen=True, slots=True)
class Reckoner:
    """Makes numbers of logs; ``work`` is where they lie."""

    work: Path
    load: LoadTable
    limits: Sequence[Limit]
    context: Context

    def folder(self, run: int) -> Path:
        """Say where the logs of a test lie."""
        return self.work / f"run-{run:03d}"

    def test(self, run: int, rate: str, length: float | None, told: crew.Told) -> Test:
        """Reckon a test from what its processes have logged."""
        rows = gather(self.work, run, self.context)
        end = length - self.load.cool_down if length is not None and self.load.cool_down else math.inf
        summary = summarize(load(rows, run), (self.load.warm_up, end), self.limits)
        ticks = [crew.ticks(log) for log in sorted(self.folder(run).glob("*.log"))]
        found = replace(client(ticks, summary.window, told.late), died=tuple(told.died))
        return Test(run, rate, summary, found, judge(summary, found), told.stopped)


@dataclass(frozen=True, slots=True)
class Player:
    """Plays schedules against one server."""

    where: Address
    form: Form
    request: RequestTable
    reckoner: Reckoner

    def play(self, run: int, schedule: Path, length: float | None, rate: str) -> Test:
        """Play a schedule; ``length`` is in seconds, None where the schedule says all."""
        context = self.reckoner.context
        jobs = [self._job(schedule, self.reckoner.folder(run), number, length) for number in range(context.workers)]
        with context.progress.bar(f"{rate}/s" if rate else "users", math.ceil(length or 0), "s") as bar:
            done = 0.0

            def watch(now: crew.Standing) -> None:
                nonlocal done
                bar.note(
                    f"{now.begun} sent, {now.ended} answered, {now.failed} failed, {now.open} open, "
                    f"client {100 * now.busy:.0f} % busy"
                )
                bar.advance(max(0.0, now.seconds - done))
                done = max(done, now.seconds)

            told = crew.Crew(jobs).carry_out(watch)
        return self.reckoner.test(run, rate, length, told)

    def _job(self, schedule: Path, folder: Path, number: int, length: float | None) -> Job:
        load, request = self.reckoner.load, self.request
        closed = bool(load.users) and load.requests is None
        return Job(
            where=self.where,
            form=self.form,
            schedule=str(schedule.absolute()),
            log=str((folder / f"{number:03d}.log").absolute()),
            number=number,
            workers=self.reckoner.context.workers,
            users=load.users,
            think=load.think,
            ramp=0.002 * load.users if load.ramp_up is None else load.ramp_up,
            until=length if closed else None,
            last=None if length is None else length + load.grace,
            timeout=request.timeout,
            cancel=(request.cancel, request.patience),
            verify=request.verify,
            key=request.key,
        )


@dataclass(frozen=True, slots=True)
class Parse:
    """The parsing of one log."""

    log: Path
    out: Path
    run: int
    start: int

    @property
    def name(self) -> str:
        """The name of its mark."""
        return f"{self.run:03d}-{self.log.stem}"

    @property
    def size(self) -> int:
        """How many bytes it reads."""
        return self.log.stat().st_size


def parse(task: Parse) -> dict[str, Any]:
    """Parse one log into a file of rows."""
    return {"rows": table.parse(task.log, task.out, task.run, task.start), "files": [task.out]}


def gather(work: Path, run: int, context: Context) -> Path:
    """Parse the logs of a test into one file, and give it; one that is there already is kept."""
    out = work / f"run-{run:03d}.parquet"
    if out.exists():
        return out
    folder = work / f"run-{run:03d}"
    logs = sorted(folder.glob("*.log"))
    tasks = [Parse(log, log.with_suffix(".parquet"), run, _start(crew.ticks(log))) for log in logs]
    done = folder / "done"
    done.mkdir(exist_ok=True)
    workers = min(context.workers, len(tasks)) if sum(task.size for task in tasks) > WORTH else 1
    with Pool(workers, context.progress, context.memory) as pool:
        pool.each("reading what came back", parse, tasks, done)
    table.join((task.out for task in tasks), out)
    return out


def _start(rows: Sequence[Mapping[str, Any]]) -> int:
    return int(rows[0]["start"]) if rows else 0
