"""Progress of long work, told on stderr: a live bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Bar(Protocol):
    """One piece of work under way."""

    def advance(self, amount: float) -> None:
        """Say how much more is done, in the unit of the total."""

    def note(self, text: str) -> None:
        """Say how it stands, in a few words beside the bar: the last ones count."""


class Progress(Protocol):
    """Where long work reports to."""

    def bar(self, label: str, total: float, unit: str) -> AbstractContextManager[Bar]:
        """Open a bar; ``total`` is in ``unit`` (``MB``, ``files``, ``steps``)."""
        ...

    def say(self, line: str) -> None:
        """Say one line."""


class Silent:
    """Says nothing."""

    @contextmanager
    def bar(self, label: str, total: float, unit: str) -> Iterator[Bar]:
        """Open a bar that nobody sees."""
        yield self

    def say(self, line: str) -> None:
        """Say nothing."""

    def advance(self, amount: float) -> None:
        """Count nothing."""

    def note(self, text: str) -> None:
        """Note nothing."""


class Lines:
    """Plain lines on stderr, one every few seconds: for logs and pipes."""

    def __init__(self, every: float = 5.0) -> None:
        self.every = every

    @contextmanager
    def bar(self, label: str, total: float, unit: str) -> Iterator[Bar]:
        """Open a bar that prints a line every few seconds."""
        yield _LineBar(self, label, total, unit)

    def say(self, line: str) -> None:
        """Print the line."""
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


class _LineBar:
    def __init__(self, lines: Lines, label: str, total: float, unit: str) -> None:
        self.lines, self.label, self.total, self.unit = lines, label, total, unit
        self.done, self.start = 0.0, time.monotonic()
        self.spoke, self.noted = self.start, ""

    def note(self, text: str) -> None:
        """Keep what to say with the next line."""
        self.noted = text

    def advance(self, amount: float) -> None:
        """Count, and speak when it is time."""
        self.done += amount
        now = time.monotonic()
        if now - self.spoke < self.lines.every:
            return
        self.spoke = now
        rate = self.done / max(now - self.start, 1e-9)
        left = (self.total - self.done) / rate if rate else 0.0
        share = self.done / self.total if self.total else 1.0
        self.lines.say(
            f"  {self.label}: {share:.0%} ({self.done:.0f}/{self.total:.0f} {self.unit}), "
            f"{rate:.1f} {self.unit}/s, {max(left, 0.0):.0f} s left{f', {self.noted}' if self.noted else ''}"
        )


class Live:
    """A live bar on a terminal, with rate and time left."""

    @contextmanager
    def bar(self, label: str, total: float, unit: str) -> Iterator[Bar]:
        """Open a bar; it vanishes when the work is done."""
        from rich import progress
        from rich.console import Console

        columns = (
            progress.TextColumn("  {task.description}"),
            progress.BarColumn(),
            progress.TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
            progress.TextColumn("{task.fields[rate]}"),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[note]}"),
        )
        with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(label, total=total, unit=unit, rate="", note="")

            class LiveBar:
                def advance(self, amount: float) -> None:
                    speed = bars.tasks[0].speed or 0.0
                    bars.update(task, advance=amount, rate=f"{speed:.1f} {unit}/s")

                def note(self, text: str) -> None:
                    bars.update(task, note=text)

            yield LiveBar()

    def say(self, line: str) -> None:
        """Print the line."""
        sys.stderr.write(line + "\n")


def default() -> Progress:
    """A live bar where stderr is a terminal, lines where it is not."""
    return Live() if sys.stderr.isatty() else Lines()
