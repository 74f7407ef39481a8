"""Adapter study: what papers claim of mixtures of LoRA, tried on a model that trains in seconds."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from lmloop.core.draft import draft
from lmloop.core.engine.pool import Pool
from lmloop.core.progress import Bar, Progress
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.nn.dialects import Dialects
from lmloop.report import blocks
from lmloop.stages.adapter_study.arms import Study, arms_of
from lmloop.stages.adapter_study.results import Run, best
from lmloop.stages.adapter_study.showing import metrics, show

COURSES, WORK = "courses.jsonl", "work"
GROUPS = 4


class AdapterStudy(Step):
    """Train adapters on one tiny base, several times each, and compare them.

    The base knows the names of ``things`` in a dialect of its own; each of up to ``dialects`` others gives the same
    things other names, and the first token of a row tells which is spoken. ``study`` says what is compared:
    ``conflict`` (a mixture and a LoRA of as many weights, with 1, 2, 4 ... dialects), ``balance`` (MixLoRA with its
    balancing loss and without), ``layers`` (MoLA's patterns of equal total), ``softness`` (one, two or all of eight
    experts a token) or ``forgetting`` (LoRAMoE's constraint, and what is left of the base's own names).

    The base has ``depth`` layers of width 64; an adapter takes ``steps`` steps of ``rows`` rows at each of
    the ``rates``, which fall to 0: one rate does not suit all methods, and each is shown at its best. All is done
    ``repeats`` times with other dialects and other first weights, the same for each arm.
    """

    makes: ClassVar[Kind] = "scores"
    needs_input: ClassVar[bool] = False

    study: Study
    dialects: Annotated[int, Field(ge=1, le=64)] = 8
    things: Annotated[int, Field(ge=4, le=256)] = 16
    depth: Annotated[int, Field(ge=1, le=12)] = 2
    steps: Annotated[int, Field(ge=10)] = 150
    rows: Annotated[int, Field(ge=4)] = 64
    rates: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [0.01]
    repeats: Annotated[int, Field(ge=2)] = 3

    @classmethod
    def example(cls) -> "AdapterStudy":
        """Give one that is over at once."""
        return cls(study="conflict", dialects=2, things=4, depth=1, steps=10, rows=8, repeats=2)

    @model_validator(mode="after")
    def _divides(self) -> "AdapterStudy":
        if self.study == "layers" and self.depth % GROUPS:
            raise ValueError(f"a study of layers needs a depth that {GROUPS} divides: each digit is a part of it")
        return self

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Train what is not trained yet, keep every course, and draw them."""
        from lmloop.nn.dialect_training import Training, learn, learn_base, shape_of, trained_weights

        world, base = Dialects(self.things, self.dialects, context.seed), out / WORK / "base.safetensors"
        base.parent.mkdir(exist_ok=True)
        if not base.exists():
            learn_base(world, self.depth, base)
        arms = arms_of(self.study, self.dialects, lambda spec: trained_weights(shape_of(world, self.depth), spec))
        sizes = {"depth": self.depth, "steps": self.steps, "rows": self.rows}
        cells = [(arm, rate, repeat) for arm in arms for rate in self.rates for repeat in range(self.repeats)]
        trainings = [
            Training(
                f"{number:04d}",
                arm.method,
                arm.dialects,
                repeat,
                world,
                base,
                rate=rate,
                practised=arm.practised,
                **sizes,
            )
            for number, (arm, rate, repeat) in enumerate(cells)
        ]
        with Pool(context.workers, _Counted(context.progress), context.memory) as pool:
            courses = pool.each("training adapters", learn, trainings, out / WORK / "done")
        runs = [Run(*cell, course) for cell, course in zip(cells, courses, strict=True)]
        results = best(runs)
        with draft(out / COURSES) as place:
            place.write_text("".join(f"{_row(run)}\n" for run in runs), encoding="utf-8")
        blocks.write(out / BLOCKS, show(self.study, results))
        return metrics(self.study, results)


def _row(run: Run) -> str:
    """Write a training as a line of JSON."""
    said = {"arm": run.arm.name, "method": run.arm.method, "dialects": run.arm.dialects}
    return json.dumps({**said, "rate": run.rate, "repeat": run.repeat, **run.course})


class _Counted:
    """Counts trainings where a pool counts millions of bytes: each training has the size of one."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def bar(self, label: str, total: float, unit: str) -> AbstractContextManager[Bar]:
        return self.progress.bar(label, total, "trainings")

    def say(self, line: str) -> None:
        self.progress.say(line)
