"""What every training shows of itself: the lines that it wrote down, as curves and tables."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from lmloop.core.card import WORK
from lmloop.core.step import Metrics
from lmloop.report import blocks
from lmloop.report.live import PACE

METRICS = "metrics.jsonl"
POINTS = 240

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What a training wrote down: a row for each step, each measurement and each event, and its pace."""

    steps: Sequence[Row]
    held: Sequence[Row]
    events: Sequence[Row]
    pace: Sequence[Row]

    @classmethod
    def read(cls, out: Path) -> "Written":
        """Read it from the training's folder."""
        rows = list(read_rows(out / METRICS))
        steps = [row for row in rows if "gradient" in row]
        held = [row for row in rows if "held" in row]
        return cls(steps, held, [row for row in rows if "event" in row], list(read_rows(out / WORK / PACE)))

    @property
    def loss(self) -> float:
        """The mean loss over the last twentieth of the steps."""
        last = [row["loss"] for row in self.steps[-max(1, len(self.steps) // 20) :] if row["loss"] is not None]
        return sum(last) / len(last) if last else float("nan")

    @property
    def peak(self) -> str:
        """The machine's peak, in words; empty where it was not measured."""
        began = [row for row in self.pace if "peak" in row]
        return f"{began[-1]['peak'] / 1e9:,.0f} GFLOP/s in {began[-1]['precision']}" if began else ""

    def rates(self) -> Metrics:
        """Give tokens a second and the share of the peak, of the middle step."""
        rates = [row["rate"] for row in self.pace if "rate" in row]
        shares = [row["share"] for row in self.pace if "share" in row]
        return {"tokens_per_second": round(median(rates)), "utilisation": round(median(shares), 4)} if rates else {}

    def losses(self, unit: str = "nats a token") -> blocks.Curve:
        """Draw the training's loss and the held-out ones."""
        lines = [self.thinned("training", "loss")]
        for name in self.held[0]["held"] if self.held else ():
            points = [row["held"][name]["loss"] for row in self.held]
            lines.append(blocks.Line(f"held out: {name}", self.measured_at, tuple(points)))
        return blocks.Curve("Loss", tuple(lines), "step", unit)

    def held_curve(self, title: str, key: str, unit: str, note: str = "") -> blocks.Curve:
        """Draw another held-out number of every source."""
        lines = [
            blocks.Line(name, self.measured_at, tuple(row["held"][name][key] for row in self.held))
            for name in self.held[0]["held"]
        ]
        return blocks.Curve(title, tuple(lines), "step", unit, note=note)

    def curve(self, title: str, key: str, y_log: bool = False) -> blocks.Curve:
        """Draw a number of every step."""
        return blocks.Curve(title, (self.thinned("", key),), "step", y_log=y_log)

    def speed(self) -> list[blocks.Block]:
        """Draw how fast it went."""
        rows = [row for row in self.pace if "rate" in row]
        return [blocks.Curve("Tokens a second", (thinned("", rows, "rate"),), "step")] if len(rows) > 1 else []

    def went_wrong(self) -> list[blocks.Block]:
        """List the steps that were skipped or gone back on."""
        rows = self.events
        told = tuple((row["step"], row["event"], str(row.get("why") or f"from {row.get('from')}")) for row in rows)
        columns = ("step", "what", "why")
        return [blocks.Table("Steps that were skipped or gone back on", columns, told)] if told else []

    @property
    def measured_at(self) -> tuple[int, ...]:
        """The steps at which the held-out loss was measured."""
        return tuple(row["step"] for row in self.held)

    def thinned(self, name: str, key: str) -> blocks.Line:
        """Draw a number of every step, or the mean of some steps that follow each other."""
        return thinned(name, self.steps, key)


def thinned(name: str, rows: Sequence[Row], key: str) -> blocks.Line:
    """Draw the mean of neighbouring steps, so that a long training is still a line."""
    size = max(1, -(-len(rows) // POINTS))
    groups = [rows[n : n + size] for n in range(0, len(rows), size)]
    xs = tuple(group[-1]["step"] for group in groups)
    values = [[row[key] for row in group if row[key] is not None] for group in groups]
    return blocks.Line(name, xs, tuple(sum(value) / len(value) if value else None for value in values))


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read lines of JSON; the last may have been cut short by a kill."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue
