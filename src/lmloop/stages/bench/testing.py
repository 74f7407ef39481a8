"""The tests of one measurement: a single one, those of a sweep, or those of a calibration."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmloop.core.card import WORK
from lmloop.core.draft import draft
from lmloop.core.step import Artifact, Context
from lmloop.loadtest import schedule, table
from lmloop.loadtest.amounts import limit
from lmloop.loadtest.calibration import calibrate
from lmloop.loadtest.crew import Told
from lmloop.loadtest.measures import load
from lmloop.loadtest.probe import Access, look, page
from lmloop.loadtest.scrape import first_token
from lmloop.loadtest.search import highest
from lmloop.loadtest.target import address
from lmloop.loadtest.traces import read_trace
from lmloop.stages.bench.asking import Asking, conversations, moments
from lmloop.stages.bench.finding import Finding
from lmloop.stages.bench.playing import Player, Reckoner, Test, gather
from lmloop.stages.bench.settings import LoadTable, SweepTable

if TYPE_CHECKING:
    from lmloop.stages.bench import Bench

ABOUT = "about.json"
CALIBRATION = SweepTable(start=8, most=1024, close=1.5)
MOST_FAILED = 0.01
LEAST_DONE = 0.9
"""A rate without limits holds when so much of what comes is answered meanwhile."""


class Testing:
    """Makes the tests that a step's settings ask for."""

    def __init__(self, step: "Bench", inputs: Sequence[Artifact], out: Path, context: Context) -> None:
        self._step, self._inputs, self._out, self._context = step, inputs, out, context
        self._work = out / WORK
        self._limits = [limit(told) for told in step.limits]
        self._tests: list[Test] = []
        self._reckoner = Reckoner(self._work, step.load, self._limits, context)

    def measure(self, url: str) -> Finding:
        """Look at the server, then load it."""
        step = self._step
        where = address(url)
        access = Access(where, os.environ.get(step.request.key, ""), step.request.verify)
        form = look(access, step.form())
        self._work.mkdir(parents=True, exist_ok=True)
        about = {"target": where.url if step.url != "demo" else "the built-in server", "model": form.model}
        self._note(self._work / ABOUT, about)
        player = Player(where, form, step.request, self._reckoner)
        return self._find(player, access, about)

    def rescue(self) -> Finding:
        """Read what a killed run left."""
        about = _read(self._work / ABOUT)
        for folder in sorted(path for path in self._work.glob("run-*") if path.is_dir()):
            told = _read(folder / ABOUT)
            run = int(folder.name.removeprefix("run-"))
            self._tests.append(self._reckoner.test(run, str(told.get("rate", "")), told.get("length"), Told()))
        return self._finding(about, "the measurement was killed: this is what it had measured until then")

    def join(self, out: Path) -> None:
        """Put the requests of all tests into one file."""
        table.join(sorted(self._work.glob("run-*.parquet")), out)

    def _find(self, player: Player, access: Access, about: dict[str, str]) -> Finding:
        step = self._step
        if step.calibrate:
            edge = self._search(player, access, lambda test: not test.reasons)
            self._single(player, access, f"{(edge[0] or CALIBRATION.start) / 2:g}")
        elif step.sweep:
            edge = self._search(player, access, self._holds)
        else:
            edge = None
            self._single(player, access, "" if step.load.users else step.load.rate)
        partial = "it was stopped before its end" if any(test.stopped for test in self._tests) else ""
        return self._finding(about, partial, edge)

    def _search(self, player: Player, access: Access, holds: Callable[[Test], bool]) -> tuple[float, float]:
        sweep = self._step.sweep or CALIBRATION

        def at(rate: float) -> bool:
            if any(test.stopped for test in self._tests):
                return False
            test = self._single(player, access, f"{rate:.4g}")
            held = holds(test)
            self._context.progress.say(_line(test, held))
            return held

        return highest(sweep.start, sweep.most, at, sweep.close)

    def _single(self, player: Player, access: Access, rate: str) -> Test:
        """Make one test: its schedule, the load, and the server's own numbers before and after it."""
        run = len(self._tests)
        path, length = self._schedule(run, rate)
        folder = self._reckoner.folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        self._note(folder / ABOUT, {"rate": rate, "length": length})
        before = first_token(page(access, "/metrics"))
        test = player.play(run, path, length, rate)
        after = first_token(page(access, "/metrics")) if before else None
        if before and after:
            test = replace(test, server=after.since(before))
        self._tests.append(test)
        return test

    def _schedule(self, run: int, rate: str) -> tuple[Path, float | None]:
        """Write the schedule of a test; give it with its length in seconds, None where only the requests say it."""
        step, many = self._step, self._step.sweep or self._step.calibrate
        path = self._out / (f"schedule-{run:03d}.jsonl" if many else "schedule.jsonl")
        asking = Asking(step.prompts, self._said, step.api, self._context.seed)
        length: float | None
        with draft(path) as place:
            if step.schedule:
                place.write_bytes(step.schedule.path.read_bytes())
                length = step.load.duration if step.load.users else _last(place)
            elif step.trace:
                rows = read_trace(step.trace.path, step.load.speed)
                rows = rows[: step.load.requests]
                if step.load.duration is not None:
                    rows = [row for row in rows if row.at < step.load.duration]
                schedule.write(place, asking.replayed(rows))
                length = rows[-1].at if rows else 0.0
            else:
                when = moments(step.load, self._context.seed, rate)
                schedule.write(place, asking.sessions(when))
                length = _length(step.load, when)
        return path, length

    @cached_property
    def _said(self) -> list[tuple[schedule.Turn, ...]]:
        step = self._step
        files = [file.path for file in step.files]
        return conversations(self._inputs, files, step.prompts.reader, self._context.base)

    def _holds(self, test: Test) -> bool:
        summary = test.summary
        kept = not summary.missed and summary.failed + summary.unfinished <= MOST_FAILED and not test.reasons
        return kept and (bool(self._limits) or summary.kept_up >= LEAST_DONE)

    def _finding(self, about: dict[str, str], partial: str = "", edge: tuple[float, float] | None = None) -> Finding:
        step = self._step
        kind = "calibration" if step.calibrate else "sweep" if step.sweep else "test"
        main = self._main(edge) if kind == "sweep" else self._tests[-1] if self._tests else None
        delays = (step.server.ttft, step.server.itl) if step.url == "demo" else None
        found = requests = None
        if main is not None:
            rows = gather(self._work, main.run, self._context)
            requests = load(rows, main.run)
            found = calibrate(rows, main.run, delays) if delays and not step.server.slots else None
        told = about.get("target", step.url), about.get("model", step.model)
        return Finding(kind, *told, tuple(self._tests), main, requests, edge, partial, found)

    def _main(self, edge: tuple[float, float] | None) -> Test | None:
        """Give the test of the highest rate that held; where none did, the last."""
        held = [test for test in self._tests if edge and test.rate == f"{edge[0]:.4g}"]
        tests = held or self._tests
        return tests[-1] if tests else None

    def _note(self, path: Path, told: dict[str, Any]) -> None:
        with draft(path) as place:
            place.write_text(json.dumps(told), encoding="utf-8")


def _line(test: Test, held: bool) -> str:
    spread, summary = test.summary.spreads["ttft"], test.summary
    told = (
        "holds" if held else "does not hold: " + "; ".join([*(reason.what for reason in test.reasons), *summary.missed])
    )
    return f"  {test.rate:>7}/s  TTFT p99 {1000 * spread.p99:7.0f} ms, {summary.tokens:8.0f} tokens/s  {told}".rstrip(
        ": "
    )


def _length(load: LoadTable, when: Sequence[float | None]) -> float | None:
    """Say how long a test is: users work for a time, unless requests are counted; arrivals end with the last."""
    if load.users:
        return None if load.requests is not None and load.duration is None else load.seconds
    return max(moment or 0.0 for moment in when) if load.requests is not None else load.seconds


def _last(path: Path) -> float:
    """Give the last moment of a schedule."""
    return max((session.at or 0.0 for _, session in schedule.share(path, 0, 1)), default=0.0)


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}
