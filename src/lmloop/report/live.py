"""The live line of a training: where it stands, how fast it goes, and that pace written down for its report."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lmloop.core.card import WORK
from lmloop.core.progress import Bar, Progress
from lmloop.report.units import duration, number

if TYPE_CHECKING:
    from lmloop.nn.trainer import Pace
    from lmloop.nn.training import Computing, Training

PACE = "pace.jsonl"
STATM = Path("/proc/self/statm")
SMOOTH = 0.95


class LiveLine:
    """Says where a training stands, and notes its pace in ``work``; what is measured, another says."""

    def __init__(self, training: "Training", out: Path, progress: Progress, label: str = "train") -> None:
        self.training, self.out, self.progress, self.label = training, out, progress, label
        self._open = ExitStack()
        self._bar: Bar | None = None
        self._loss: float | None = None

    def __enter__(self) -> Self:
        (self.out / WORK).mkdir(exist_ok=True)
        return self

    def __exit__(self, *rest: object) -> None:
        self._open.close()

    def began(self, step: int, computing: "Computing", pace: "Pace", peak_flops: float) -> None:
        """Say what is going to happen, and open the live line."""
        tokens = (self.training.steps - step) * self.training.tokens_per_step
        how = f"{computing.precision}, {computing.threads} threads, compile {computing.compile}"
        verb = f"goes on at step {step}" if step else "begins"
        self.progress.say(
            f"  training {verb}: about {duration(pace.seconds_left)} for {number(tokens)} tokens at "
            f"{number(round(pace.tokens_per_second))} a second ({how}; {pace.utilisation:.0%} of "
            f"{peak_flops / 1e9:,.0f} GFLOP/s)"
        )
        self._bar = self._open.enter_context(self.progress.bar(self.label, tokens, "tok"))
        self._note({"step": step, "began": time.time(), "peak": peak_flops, "precision": computing.precision})

    def stepped(self, step: int, loss: float, pace: "Pace") -> None:
        """Move the live line."""
        assert self._bar is not None
        self._loss = loss if self._loss is None else SMOOTH * self._loss + (1 - SMOOTH) * loss
        self._bar.note(f"step {step}, loss {self._loss:.3f}, {pace.utilisation:.0%} of peak{_memory()}")
        self._bar.advance(self.training.tokens_per_step)
        self._note({"step": step, "rate": round(pace.tokens_per_second), "share": round(pace.utilisation, 4)})

    def happened(self, line: str) -> None:
        """Say what is out of the ordinary."""
        self.progress.say(f"  {line}")

    def _note(self, row: Mapping[str, Any]) -> None:
        with (self.out / WORK / PACE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _memory() -> str:
    """Say how much memory this process holds now, where the system tells."""
    try:
        pages = int(STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return ""
    return f", {pages * os.sysconf('SC_PAGE_SIZE') / 1e9:.1f} GB"
