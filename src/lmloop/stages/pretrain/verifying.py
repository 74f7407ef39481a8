"""Proof, on the user's own machine, that a training which was interrupted goes on bit for bit."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from lmloop.core.card import WORK
from lmloop.core.errors import StepError
from lmloop.report.training import read_rows
from lmloop.stages.pretrain.job import Job

if TYPE_CHECKING:
    from lmloop.nn.held import Score
    from lmloop.nn.trainer import Pace, Trainer
    from lmloop.nn.training import Computing

PLACE = "verify"


def verify(job: Job, steps: int) -> str:
    """Train the first steps twice: once interrupted in the middle and resumed, once in one go; say what came of it.

    Both compute as the first one chose to. What they leave is removed.

    Raises:
        StepError: a loss or a weight differs.
    """
    steps = min(steps, job.training.steps)
    half = max(1, steps // 2)
    place = job.out / WORK / PLACE
    rmtree(place, ignore_errors=True)
    training = replace(job.training, checkpoint_every=half, evaluate_every=job.training.steps + 1, keep=steps)
    cut = replace(job, training=training, out=place / "cut")
    # one step more than is saved: it is lost, and done again
    first = _train(cut, min(half + 1, steps))
    second = _train(cut, steps)
    whole = replace(cut, training=replace(training, computing=first.computing), out=place / "whole")
    other = _train(whole, steps)
    lines = [read_rows(each.out / "metrics.jsonl") for each in (cut, whole)]
    mine, theirs = ([row["loss"] for row in rows if "loss" in row] for rows in lines)
    pairs = zip(mine, theirs, strict=True)
    wrong = next((step for step, (one, two) in enumerate(pairs, 1) if one != two), None)
    if wrong is not None or len(mine) != steps:
        told = f"a training resumed after step {half} has another loss at step {wrong or len(mine)}"
        raise StepError(told, hint="set compute.precision, threads and compile, and see which of them it is")
    weights, others = second.weights(), other.weights()
    differing = [name for name in weights if not bool((weights[name] == others[name]).all())]
    if differing:
        raise StepError(f"a training resumed after step {half} has other weights after {steps}: {differing[0]}")
    rmtree(place)
    return f"  verified: interrupted after step {half} and resumed, {steps} losses and all weights are the same bits"


def _train(job: Job, until: int) -> "Trainer":
    """Train up to a step, from where the last one in this folder was saved."""
    from lmloop.nn.trainer import Trainer
    from lmloop.stages.pretrain.process import learner_of

    job.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(learner_of(job), job.training, job.batches(), {}, job.out)
    with suppress(_Enough):
        trainer.run(_Until(until), job.branch)
    return trainer


class _Enough(Exception):
    """The step is reached."""


class _Until:
    """Looks on until a step, and ends the training there as if it were killed."""

    def __init__(self, step: int) -> None:
        self.step = step

    def began(self, step: int, computing: "Computing", pace: "Pace", peak_flops: float) -> None: ...

    def stepped(self, step: int, loss: float, pace: "Pace") -> None:
        if step == self.step:
            raise _Enough

    def measured(self, step: int, scores: "Mapping[str, Score]", model: Any) -> None: ...

    def happened(self, line: str) -> None: ...
