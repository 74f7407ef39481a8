"""Several adapters tuned at once: one model in memory and the same rows, and all else to each its own.

They take turns, a step each; whoever is behind is next. Rows of all adapters in one batch, with each frozen product
computed once for all of them, were measured and are slower on a CPU from some hundred tokens a step on, and keep as
many times the memory for the backward pass: see the decision on adapters that take turns.
"""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from lmloop.core.card import WORK
from lmloop.core.engine.pool import Result
from lmloop.core.errors import RecipeError, closest
from lmloop.core.method import Method
from lmloop.core.progress import Progress
from lmloop.core.step import BLOCKS, Metrics
from lmloop.nn.goals.settings import Goal
from lmloop.nn.opening import read_shape
from lmloop.nn.training import Computing
from lmloop.report import blocks
from lmloop.report.training import Written
from lmloop.stages.finetune import planning
from lmloop.stages.finetune.job import Job
from lmloop.stages.finetune.process import begin, finish
from lmloop.stages.finetune.seeing import best_of, describe, mean_loss
from lmloop.stages.finetune.settings import OptimizerTable
from lmloop.stages.finetune.watching import Watching

COMMON = ("examples", "held", "learnt_tokens", "cut")
"""What is told once: all read the same."""


def check_several(methods: Mapping[str, Method], goal: Goal, optimizer: OptimizerTable, ranks: int) -> None:
    """See that some adapters can be tuned at once.

    Raises:
        RecipeError: they cannot.
    """
    if goal.use == "reward":
        raise RecipeError("a reward model has a head of its own: several are tuned one by one")
    if ranks > 1:
        raise RecipeError("several adapters are tuned at once in one process", hint="compute = { ranks = 1 }")
    rates = optimizer.learning_rate
    for name in rates if isinstance(rates, dict) else ():
        if name not in methods:
            raise RecipeError(f"learning_rate: there is no adapter {name!r}", hint=closest(name, methods))
    if len({method.quantised() for method in methods.values()}) > 1:
        raise RecipeError(
            "adapters that are tuned at once share one model: it is kept in four bits for all or for none"
        )


def jobs_of(job: Job, methods: Mapping[str, Method], optimizer: OptimizerTable) -> dict[str, Job]:
    """Give each adapter a job of its own, in a folder of its name; compiling for each would cost more than it gains."""
    found = {}
    for name, method in methods.items():
        rate = planning.learning_rate(read_shape(job.base), method, job.settings)
        update = optimizer.of(name).update(rate)
        computing = replace(job.training.computing, compile="off")
        training = replace(job.training, update=update, computing=computing)
        found[name] = replace(job, method=method.spec(), training=training, out=job.out / name, label=name, name=name)
    return found


def carry_out_several(jobs: Mapping[str, Job], progress: Progress) -> None:
    """Tune all in turn, a step each, over one model; each goes on by itself where it was interrupted."""
    from lmloop.nn.tuned import open_policies

    first = next(iter(jobs.values()))
    methods = {name: method for name, job in jobs.items() if (method := job.build_method()) is not None}
    policies = open_policies(first.base, methods, first.training.seed)
    trainers, going = {}, {}
    with ExitStack() as open_lines:
        chosen: Computing | None = None
        for name, job in jobs.items():
            job.out.mkdir(exist_ok=True)
            with policies[name].working():
                trainers[name] = begin(_computed(job, chosen), policies[name], progress)
                going[name] = trainers[name].steps(open_lines.enter_context(Watching(job, progress)))
                if next(going[name], None) is None:
                    del going[name]
            chosen = trainers[name].computing
        while going:
            name = min(going, key=lambda one: trainers[one].now.step)
            with policies[name].working():
                if next(going[name], None) is None:
                    del going[name]
    for name, job in jobs.items():
        with policies[name].working():
            finish(job, policies[name], trainers[name])


def _computed(job: Job, chosen: Computing | None) -> Job:
    """Let an adapter compute as the first one found best: precision and threads are those of the whole process."""
    return job if chosen is None else replace(job, training=replace(job.training, computing=chosen))


def describe_several(jobs: Mapping[str, Job], results: Sequence[Result]) -> tuple[list[blocks.Block], Metrics]:
    """Put all side by side; each one's own page lies in its folder, as ``STEP/NAME`` in a report."""
    metrics: dict[str, float | int | str] = {}
    written = {name: Written.read(job.out) for name, job in jobs.items()}
    for name, job in jobs.items():
        shown, found = describe(job, results)
        blocks.write(job.out / BLOCKS, shown)
        metrics |= {key: value for key, value in found.items() if key in COMMON or key.startswith("drop/")}
        metrics |= {f"{name}/{key}": value for key, value in found.items() if key not in metrics}
        shutil.rmtree(job.out / WORK, ignore_errors=True)
    return [*_side_by_side(jobs, written, metrics), *_curves(jobs, written)], metrics


def _side_by_side(jobs: Mapping[str, Job], written: Mapping[str, Written], metrics: Metrics) -> list[blocks.Block]:
    tasks = list(next(iter(written.values())).held[0]["held"]) if all(one.held for one in written.values()) else []
    rows = []
    for name, job in jobs.items():
        assert job.method is not None
        numbers = (metrics[f"{name}/trained"], job.training.update.learning_rate, metrics[f"{name}/steps"])
        held: tuple[float, ...] = ()
        if tasks:
            best = best_of(job, written[name])
            held = (best["step"], *(best["held"][task]["loss"] for task in tasks), mean_loss(best))
        rows.append((name, str(job.method["use"]), *numbers, *held))
    columns: tuple[str, ...] = ("adapter", "method", "trained weights", "learning rate", "steps")
    if tasks:
        columns = (*columns, "best step", *(f"loss, {task}" for task in tasks), "mean")
    note = "losses are those of what is held out" if tasks else ""
    return [blocks.Table("Adapters that were tuned at once", columns, tuple(rows), note=note)]


def _curves(jobs: Mapping[str, Job], written: Mapping[str, Written]) -> list[blocks.Block]:
    unit = next(iter(jobs.values())).settings.unit
    lines = [one.thinned(name, "loss") for name, one in written.items()]
    found: list[blocks.Block] = [blocks.Curve("Loss of each adapter", tuple(lines), "step", unit)]
    held = [
        blocks.Line(name, one.measured_at, tuple(mean_loss(row) for row in one.held))
        for name, one in written.items()
        if one.held
    ]
    return [*([blocks.Curve("Held-out loss of each adapter", tuple(held), "step", unit)] if held else []), *found]
