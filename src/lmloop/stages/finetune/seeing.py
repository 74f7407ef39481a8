"""What a tuning shows: losses before and after, what it read and left out, and what it replies."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lmloop.core.engine.pool import Result
from lmloop.core.step import Metrics
from lmloop.report import blocks
from lmloop.report.training import Written
from lmloop.stages.finetune.job import Job
from lmloop.stages.finetune.process import SAMPLES, TRAINED
from lmloop.stages.finetune.rendering import NAME, total


def describe(job: Job, results: Sequence[Result]) -> tuple[list[blocks.Block], Metrics]:
    """Describe a finished tuning from what it wrote down."""
    written = Written.read(job.out)
    metrics = _metrics(job, written, results)
    found: list[blocks.Block] = [_numbers(job, metrics, written), written.losses(job.settings.unit)]
    found += _shown(written)
    found += [written.curve("Learning rate", "rate"), written.curve("Length of the gradient", "gradient", y_log=True)]
    found += written.speed()
    found += _data(results)
    found += written.went_wrong()
    found += _replies(job)
    return found, metrics


def _numbers(job: Job, metrics: Metrics, written: Written) -> blocks.Numbers:
    training = job.training
    how = "all weights" if job.method is None else f"{job.method['use']}, {metrics['trained_share']:.2%} of all"
    figures = [
        blocks.Figure("trained weights", metrics["trained"], caption=how),
        blocks.Figure("steps", metrics["steps"], caption=f"of {training.rows} rows, {job.settings.use}"),
        blocks.Figure("loss", round(float(metrics["loss"]), 3), caption=f"{job.settings.unit}, over the last steps"),
    ]
    for task in job.data.tasks[:3]:
        if f"loss/{task}" in metrics:
            before, after = metrics[f"before/{task}"], metrics[f"loss/{task}"]
            caption = f"held out; {float(before):.3f} before"
            figures.append(blocks.Figure(f"loss, {task}", round(float(after), 3), caption=caption))
    figures.append(blocks.Figure("tokens a second", metrics.get("tokens_per_second"), caption="the middle step"))
    return blocks.Numbers("The tuning", tuple(figures))


def _metrics(job: Job, written: Written, results: Sequence[Result]) -> Metrics:
    size = json.loads((job.out / TRAINED).read_text(encoding="utf-8"))
    counts = total(results, "counts")
    steps = written.steps[-1]["step"] if written.steps else 0
    metrics: dict[str, float | int | str] = {
        "trained": size["trained"],
        "trained_share": size["trained"] / size["whole"],
        "steps": steps,
        "examples": counts["train"],
        "held": counts.get("held", 0),
        "learnt_tokens": counts["learnt"],
        "loss": written.loss,
    }
    if written.held:
        means = [sum(score["loss"] for score in row["held"].values()) for row in written.held]
        best = means.index(min(means)) if job.best else len(means) - 1
        metrics["best_step"] = written.held[best]["step"]
        for task, score in written.held[best]["held"].items():
            metrics[f"before/{task}"] = written.held[0]["held"][task]["loss"]
            metrics |= {f"{name}/{task}": value for name, value in score.items() if name != "bits_per_byte"}
    metrics |= {f"drop/{NAME}/{why}": count for why, count in total(results, "reasons").items()}
    return {**metrics, "cut": counts.get("cut", 0), **written.rates()}


def _shown(written: Written) -> list[blocks.Block]:
    """Draw what else the goal shows of what is held out: accuracies, margins, routing losses."""
    known = next(iter(written.held[0]["held"].values())) if written.held else {}
    names = [name for name in known if name not in ("loss", "bits_per_byte")]
    return [written.held_curve(f"Held-out {name}", name, "") for name in names]


def _data(results: Sequence[Result]) -> list[blocks.Block]:
    tasks, reasons = total(results, "by_task"), total(results, "reasons")
    counts = total(results, "counts")
    figures = [
        blocks.Figure("examples", counts["train"], caption="to learn from"),
        blocks.Figure("held out", counts.get("held", 0), caption="to measure with"),
        blocks.Figure("tokens", counts["tokens"], caption=f"{counts['learnt']:,} of them are learnt"),
        blocks.Figure("cut", counts.get("cut", 0), caption="texts that lost their end"),
        blocks.Figure("left out", sum(reasons.values()), caption="records, each with its reason"),
    ]
    found: list[blocks.Block] = [blocks.Numbers("The examples", tuple(figures))]
    if len(tasks) > 1:
        names = tuple(sorted(tasks))
        series = blocks.Series("examples", tuple(tasks[name] for name in names))
        found.append(blocks.Bars("Examples by task", names, (series,)))
    if reasons:
        told = tuple(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
        found.append(blocks.Table("Why records were left out", ("reason", "records"), told))
    return found


def _replies(job: Job) -> list[blocks.Block]:
    path = job.out / SAMPLES
    rows: list[Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    passages = []
    for row in rows:
        if "before" in row:
            passages.append(blocks.Passage(f"{row['prompt']}▸{row['before']}", f"{row['task']}, before"))
        passages.append(blocks.Passage(f"{row['prompt']}▸{row['after']}", f"{row['task']}, after"))
    note = "held-out prompts; ▸ stands where the model goes on"
    return [blocks.Text("What it replies", tuple(passages), note=note)] if passages else []
