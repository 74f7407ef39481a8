"""What a person should see of a probe: how much the model knows, and how sure it is of what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from lmloop.core.step import Metrics
from lmloop.report import blocks
from lmloop.report.units import share
from lmloop.stages.probe.asking import Finding

BINS, SHOWN = 12, 4


@dataclass(slots=True)
class Seen:
    """What is held of all questions: numbers, and a few of them to show."""

    known: list[bool] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    entropy: list[float | None] = field(default_factory=list)
    samples: dict[bool, list[Finding]] = field(default_factory=lambda: {True: [], False: []})

    def take(self, found: Finding, known: bool) -> None:
        """Take a question in."""
        self.known.append(known)
        self.confidence.append(found.confidence)
        self.entropy.append(found.entropy)
        if len(self.samples[known]) < SHOWN:
            self.samples[known].append(found)

    def metrics(self) -> Metrics:
        """Count the known, and say how sure the model was on average of either kind."""
        said: dict[str, float | int | str] = {"known": sum(self.known), "unknown": len(self.known) - sum(self.known)}
        for name, kind in (("known", True), ("unknown", False)):
            spreads = self.of(self.entropy, kind)
            if spreads:
                said[f"entropy/{name}"] = round(float(np.mean(spreads)), 6)
        return said

    def of(self, values: "list[float] | list[float | None]", kind: bool) -> list[float]:
        """Give the values of the known or of the others, where there are some."""
        return [value for value, known in zip(values, self.known, strict=True) if known is kind and value is not None]


def show(seen: Seen, reasons: Mapping[str, int]) -> list[blocks.Block]:
    """Draw it."""
    total, known = len(seen.known), sum(seen.known)
    figures = (
        blocks.Figure("questions", total),
        blocks.Figure("known", share(known, total), caption=f"{known:,} answered rightly"),
        blocks.Figure("unknown", share(total - known, total), caption=f"{total - known:,} of them"),
        blocks.Figure("left out", sum(reasons.values()), caption="each with its reason"),
    )
    found: list[blocks.Block] = [blocks.Numbers("What the model knows", figures)]
    if reasons:
        found.append(blocks.Table("Why records were left out", ("reason", "records"), tuple(sorted(reasons.items()))))
    found += _histogram("Confidence of the greedy answer", "confidence", seen, seen.confidence)
    found += _histogram("How much the answers differ", "entropy", seen, seen.entropy)
    passages = tuple(_passage(each, kind) for kind in (True, False) for each in seen.samples[kind])
    return [*found, blocks.Text("Some of the questions", passages)]


def _histogram(title: str, name: str, seen: Seen, values: "list[float] | list[float | None]") -> Iterator[blocks.Block]:
    sides = {"known": seen.of(values, True), "unknown": seen.of(values, False)}
    there = [value for side in sides.values() for value in side]
    if there:
        edges = np.linspace(0, max(*there, 1e-3), BINS + 1)
        series = tuple(
            blocks.Series(side, tuple(np.histogram(some, edges)[0].tolist())) for side, some in sides.items()
        )
        unit = "nats" if name == "entropy" else ""
        yield blocks.Histogram(title, tuple(edges.round(4).tolist()), series, name, "questions", unit)


def _passage(found: Finding, known: bool) -> blocks.Passage:
    record = found.record
    right = record.choices[record.answer] if record.answer is not None else record.text
    asked = "\n".join(turn.text for turn in record.prompt)
    drawn = "".join(f"\n  drawn: {said}" for said, _ in found.samples)
    return blocks.Passage(f"{asked}\n  says: {found.said}\n  right: {right}{drawn}", "known" if known else "unknown")
