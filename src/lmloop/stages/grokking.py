"""Grokking: watch a network learn sums by heart and, long after, understand them."""

import json
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.phenomena.grokking import Course, Sums, learn
from lmloop.kernels.scaling.single import one_thread
from lmloop.report import blocks

COURSE = "course.json"
KNOWN = 0.95


class Grokking(Step):
    """Train a small network to add modulo ``prime``, on the share ``seen`` of all pairs, and test it on the rest.

    The network has ``hidden`` units, begins with weights of size ``spread``, and takes ``steps`` steps of AdamW at
    ``rate`` with weight ``decay``. The same is done without weight decay, to compare.
    """

    makes: ClassVar[Kind] = "scores"
    needs_input: ClassVar[bool] = False

    prime: Annotated[int, Field(ge=3, le=200)] = 31
    seen: Annotated[float, Field(gt=0, lt=1)] = 0.4
    hidden: Annotated[int, Field(ge=2, le=4096)] = 128
    spread: Annotated[float, Field(gt=0)] = 1.5
    rate: Annotated[float, Field(gt=0)] = 0.01
    decay: Annotated[float, Field(gt=0)] = 1.0
    steps: Annotated[int, Field(ge=10)] = 3000

    @classmethod
    def example(cls) -> "Grokking":
        """Give one that is over at once."""
        return cls(prime=7, hidden=16, steps=20)

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Train twice, with weight decay and without, and draw both."""
        courses: dict[str, Course] = {}
        for name, decay in (("with weight decay", self.decay), ("without", 0.0)):
            sums = Sums(**{**dict(self), "decay": decay, "seed": context.seed})
            with context.progress.bar(name, self.steps, "steps") as bar, one_thread():
                courses[name] = learn(sums, heard=bar.advance)
        first = courses["with weight decay"]
        facts = {"by_heart": _when(first, "seen"), "understood": _when(first, "unseen")}
        (out / COURSE).write_text(json.dumps({name: _plain(each) for name, each in courses.items()}) + "\n")
        blocks.write(out / BLOCKS, _blocks(courses, facts))
        last = {f"unseen {name}": float(each.unseen[-1]) for name, each in courses.items()}
        return {**{name: step for name, step in facts.items() if step is not None}, **last}


def _when(course: Course, side: str) -> int | None:
    """Say at which step nearly all sums are right."""
    there = np.nonzero(getattr(course, side) >= KNOWN)[0]
    return int(course.steps[there[0]]) if len(there) else None


def _plain(course: Course) -> dict[str, list[float]]:
    return {name: getattr(course, name).tolist() for name in ("steps", "seen", "unseen", "weights")}


def _blocks(courses: dict[str, Course], facts: dict[str, int | None]) -> list[blocks.Block]:
    figures = (
        blocks.Figure("by heart at step", facts["by_heart"], caption=f"{KNOWN:.0%} of the pairs that it saw"),
        blocks.Figure("understood at step", facts["understood"], caption=f"{KNOWN:.0%} of the pairs that it never saw"),
        blocks.Figure(
            "without weight decay",
            f"{100 * float(courses['without'].unseen[-1]):.0f} %",
            caption="of the unseen pairs at the end",
        ),
    )
    rights, weights = [], []
    for name, each in courses.items():
        x = tuple(int(step) for step in each.steps)
        rights.append(blocks.Line(f"seen, {name}", x, tuple(each.seen.tolist())))
        rights.append(blocks.Line(f"unseen, {name}", x, tuple(each.unseen.tolist())))
        weights.append(blocks.Line(name, x, tuple(round(value, 3) for value in each.weights.tolist())))
    note = "The pairs that it was never shown come right long after those that it was."
    return [
        blocks.Numbers("By heart, then understood", figures),
        blocks.Curve("Right sums", tuple(rights), "step", "share", x_log=True, note=note),
        blocks.Curve("Length of the weights", tuple(weights), "step", "length", x_log=True),
    ]
