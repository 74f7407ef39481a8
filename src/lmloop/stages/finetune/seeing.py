"""What a tuning shows: losses before and after, what it read and left out, and what it replies."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmloop.core.engine.pool import Result
from lmloop.core.step import Metrics
from lmloop.nn.noted import ROUTING, TRAINED
from lmloop.report import blocks
from lmloop.report.training import Written
from lmloop.stages.finetune.job import Job
from lmloop.stages.finetune.process import BASELINE, SAMPLES
from lmloop.stages.finetune.rendering import NAME, total
from lmloop.stages.finetune.seeing_routing import describe_routing

UNTOLD = ("bits_per_byte", "routing")
"""What is measured of held-out rows, and says nothing: routing losses exist only in training."""


def describe(job: Job, results: Sequence[Result]) -> tuple[list[blocks.Block], Metrics]:
    """Describe a finished tuning from what it wrote down."""
    written = Written.read(job.out)
    metrics = _metrics(job, written, results)
    found: list[blocks.Block] = [_numbers(job, metrics, written), written.losses(job.settings.unit)]
    found += _beside(job, written)
    found += _shown(written)
    named = (("routing", "Routing loss"), ("reward", "Reward"), ("moved", "Distance to the model as it was"))
    found += [written.curve(title, key) for key, title in named if key in _columns(written)]
    found += describe_routing(job.out / ROUTING)
    found += [written.curve("Learning rate", "rate"), written.curve("Length of the gradient", "gradient", y_log=True)]
    found += written.speed()
    found += _data(results) if results else []
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
        what, earlier = ("reward", "before/reward") if f"reward/{task}" in metrics else ("loss", "before")
        if f"{what}/{task}" in metrics:
            before, after = metrics[f"{earlier}/{task}"], metrics[f"{what}/{task}"]
            caption = f"held out; {float(before):.3f} before"
            figures.append(blocks.Figure(f"{what}, {task}", round(float(after), 3), caption=caption))
    figures.append(blocks.Figure("tokens a second", metrics.get("tokens_per_second"), caption="the middle step"))
    return blocks.Numbers("The tuning", tuple(figures))


def _metrics(job: Job, written: Written, results: Sequence[Result]) -> Metrics:
    size = _size(job.out)
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
    rewards = [row["reward"] for row in written.steps if "reward" in row]
    if rewards:
        some = max(1, len(rewards) // 10)
        metrics |= {"before/reward": sum(rewards[:some]) / some, "reward": sum(rewards[-some:]) / some}
    if written.held:
        best = best_of(job, written)
        metrics["best_step"] = best["step"]
        for task, score in best["held"].items():
            first = written.held[0]["held"][task]
            metrics[f"before/{task}"] = first["loss"]
            if "reward" in first:
                metrics[f"before/reward/{task}"] = first["reward"]
            metrics |= {f"{name}/{task}": value for name, value in score.items() if name not in UNTOLD}
    if (job.out / BASELINE).is_dir():
        metrics["baseline/trained"] = _size(job.out / BASELINE)["trained"]
        other = Written.read(job.out / BASELINE)
        held = best_of(job, other)["held"] if other.held else {}
        metrics |= {f"baseline/loss/{task}": score["loss"] for task, score in held.items()}
    metrics |= {f"drop/{NAME}/{why}": count for why, count in total(results, "reasons").items()}
    return {**metrics, "cut": counts.get("cut", 0), **written.rates()}


def _shown(written: Written) -> list[blocks.Block]:
    """Draw what else the goal shows of what is held out: accuracies, margins, routing losses."""
    known = next(iter(written.held[0]["held"].values())) if written.held else {}
    names = [name for name in known if name not in ("loss", *UNTOLD)]
    return [written.held_curve(f"Held-out {name}", name, "") for name in names]


def _columns(written: Written) -> set[str]:
    """List what each step wrote down."""
    return set(written.steps[0]) if written.steps else set()


def _beside(job: Job, written: Written) -> list[blocks.Block]:
    """Put the LoRA of equal size beside, if one was tuned."""
    if not (job.out / BASELINE).is_dir() or not written.held:
        return []
    other = Written.read(job.out / BASELINE)
    assert job.method is not None
    named = {str(job.method["use"]): written, "lora of equal size": other}
    lines = [
        blocks.Line(name, each.measured_at, tuple(mean_loss(row) for row in each.held)) for name, each in named.items()
    ]
    rows = []
    for name, each, place in zip(named, named.values(), (job.out, job.out / BASELINE), strict=True):
        best = best_of(job, each)
        rows.append(
            (name, _size(place)["trained"], *(best["held"][task]["loss"] for task in best["held"]), mean_loss(best))
        )
    columns = ("", "trained weights", *(f"loss, {task}" for task in best_of(job, written)["held"]), "mean")
    return [
        blocks.Table("Beside a LoRA of equal size", columns, tuple(rows), note="held out"),
        blocks.Curve("Held-out loss, both", tuple(lines), "step", job.settings.unit),
    ]


def best_of(job: Job, written: Written) -> Mapping[str, Any]:
    """Give the measurement whose weights were kept."""
    return min(written.held, key=mean_loss) if job.best else written.held[-1]


def mean_loss(row: Mapping[str, Any]) -> float:
    """Give the mean of a measurement's held-out losses."""
    found: float = sum(score["loss"] for score in row["held"].values()) / len(row["held"])
    return found


def _size(place: Path) -> Mapping[str, int]:
    found: Mapping[str, int] = json.loads((place / TRAINED).read_text(encoding="utf-8"))
    return found


def _data(results: Sequence[Result]) -> list[blocks.Block]:
    tasks, reasons = total(results, "by_task"), total(results, "reasons")
    counts = total(results, "counts")
    figures = [blocks.Figure("examples", counts["train"], caption="to learn from")]
    figures.append(blocks.Figure("held out", counts.get("held", 0), caption="to measure with"))
    if "tokens" in counts:  # questions that are answered by the model itself have none
        figures += [
            blocks.Figure("tokens", counts["tokens"], caption=f"{counts['learnt']:,} of them are learnt"),
            blocks.Figure("cut", counts.get("cut", 0), caption="texts that lost their end"),
        ]
    figures.append(blocks.Figure("left out", sum(reasons.values()), caption="records, each with its reason"))
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
