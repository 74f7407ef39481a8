"""What a training shows: losses and rates over time, held-out bits per byte, samples, and what went wrong."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from lmloop.core.card import WORK
from lmloop.core.draft import draft
from lmloop.core.step import Metrics
from lmloop.report import blocks
from lmloop.stages.pretrain.job import Job
from lmloop.stages.pretrain.watching import PACE, SAMPLES

METRICS = "metrics.jsonl"
POINTS = 240


def describe(job: Job, realised: Mapping[str, int]) -> tuple[list[blocks.Block], Metrics]:
    """Describe a finished training from what it wrote down; ``realised`` is how many tokens each source gave."""
    rows = list(_rows(job.out / METRICS))
    steps = [row for row in rows if "gradient" in row]
    held = [row for row in rows if "held" in row]
    pace = list(_rows(job.out / WORK / PACE))
    samples = _samples(job.out / SAMPLES)
    metrics = _metrics(job, steps, held, pace)
    events = [row for row in rows if "event" in row]
    found: list[blocks.Block] = [_numbers(job, metrics, pace), _losses(steps, held)]
    found += [_bits(held)] if held else []
    found += [_line("Learning rate", steps, "rate"), _line("Length of the gradient", steps, "gradient", y_log=True)]
    found += _speed(pace, job.training.tokens_per_step)
    if len(realised) > 1:
        counts = blocks.Series("tokens", tuple(realised.values()))
        found.append(blocks.Bars("Tokens read by source", tuple(realised), (counts,)))
    if events:
        told = tuple((row["step"], row["event"], str(row.get("why") or f"from {row.get('from')}")) for row in events)
        found.append(blocks.Table("Steps that were skipped or gone back on", ("step", "what", "why"), told))
    if samples:
        found.append(_texts(samples))
    return found, metrics


def _numbers(job: Job, metrics: Metrics, pace: Sequence[Mapping[str, Any]]) -> blocks.Numbers:
    shape, training = job.shape, job.training
    held = [
        blocks.Figure(
            f"bits per byte, {name.removeprefix('bits_per_byte/')}", round(float(value), 3), caption="held out"
        )
        for name, value in metrics.items()
        if name.startswith("bits_per_byte/")
    ]
    began = [row for row in pace if "peak" in row]
    peak = f"{began[-1]['peak'] / 1e9:,.0f} GFLOP/s in {began[-1]['precision']}" if began else ""
    figures = [
        blocks.Figure("parameters", shape.parameters, caption=f"{shape.layers} layers of width {shape.width}"),
        blocks.Figure(
            "tokens read",
            training.steps * training.tokens_per_step,
            caption=f"{training.steps:,} steps of {training.tokens_per_step:,}",
        ),
        blocks.Figure("loss", round(float(metrics["loss"]), 3), caption="nats a token, over the last steps"),
        *held[:3],
        blocks.Figure("tokens a second", metrics.get("tokens_per_second"), caption="the middle step"),
        blocks.Figure("share of the peak", f"{float(metrics.get('utilisation', 0)):.0%}", caption=peak),
    ]
    return blocks.Numbers("The model", tuple(figures))


def _losses(steps: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]) -> blocks.Curve:
    lines = [_thinned("training", steps, "loss")]
    for name in held[0]["held"] if held else ():
        points = [row["held"][name]["loss"] for row in held]
        lines.append(blocks.Line(f"held out: {name}", tuple(row["step"] for row in held), tuple(points)))
    return blocks.Curve("Loss", tuple(lines), "step", "nats a token")


def _bits(held: Sequence[Mapping[str, Any]]) -> blocks.Curve:
    lines = [
        blocks.Line(name, tuple(row["step"] for row in held), tuple(row["held"][name]["bits_per_byte"] for row in held))
        for name in held[0]["held"]
    ]
    return blocks.Curve("Held-out bits per byte", tuple(lines), "step", "bits", note="compares across tokenizers")


def _line(title: str, steps: Sequence[Mapping[str, Any]], key: str, y_log: bool = False) -> blocks.Curve:
    return blocks.Curve(title, (_thinned("", steps, key),), "step", y_log=y_log)


def _thinned(name: str, rows: Sequence[Mapping[str, Any]], key: str) -> blocks.Line:
    """Draw the mean of neighbouring steps, so that a long training is still a line."""
    size = max(1, -(-len(rows) // POINTS))
    groups = [rows[n : n + size] for n in range(0, len(rows), size)]
    xs = tuple(group[-1]["step"] for group in groups)
    values = [[row[key] for row in group if row[key] is not None] for group in groups]
    return blocks.Line(name, xs, tuple(sum(value) / len(value) if value else None for value in values))


def _speed(pace: Sequence[Mapping[str, Any]], tokens: int) -> list[blocks.Block]:
    rows = [row for row in pace if "rate" in row]
    return [blocks.Curve("Tokens a second", (_thinned("", rows, "rate"),), "step")] if len(rows) > 1 else []


def _texts(samples: Mapping[int, Sequence[Sequence[str]]]) -> blocks.Text:
    passages = [
        blocks.Passage(f"{prompt}▸{text}", f"after {step:,} steps")
        for step, pairs in sorted(samples.items(), reverse=True)
        for prompt, text in pairs
    ]
    return blocks.Text("What it writes", tuple(passages), note="▸ stands where the model goes on")


def _metrics(
    job: Job, steps: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]], pace: Sequence[Mapping[str, Any]]
) -> Metrics:
    last = [row["loss"] for row in steps[-max(1, len(steps) // 20) :] if row["loss"] is not None]
    rates = [row["rate"] for row in pace if "rate" in row]
    shares = [row["share"] for row in pace if "share" in row]
    scores = held[-1]["held"] if held else {}
    return {
        "parameters": job.shape.parameters,
        "steps": job.training.steps,
        "tokens": job.training.steps * job.training.tokens_per_step,
        "loss": sum(last) / len(last) if last else float("nan"),
        **{f"loss/{name}": score["loss"] for name, score in scores.items()},
        **{f"bits_per_byte/{name}": score["bits_per_byte"] for name, score in scores.items()},
        **({"tokens_per_second": round(median(rates)), "utilisation": round(median(shares), 4)} if rates else {}),
    }


def _samples(path: Path) -> dict[int, list[list[str]]]:
    """Read the samples, and leave each once: an interrupted training may have sampled a step twice."""
    found: dict[int, list[list[str]]] = {row["step"]: row["samples"] for row in _rows(path)}
    if found:
        with draft(path) as place:
            rows = [{"step": step, "samples": samples} for step, samples in sorted(found.items())]
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            place.write_text(text, encoding="utf-8")
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read lines of JSON; the last may have been cut short by a kill."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue
