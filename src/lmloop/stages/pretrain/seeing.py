"""What a training shows: losses and rates over time, held-out bits per byte, samples, and what went wrong."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from lmloop.core.draft import draft
from lmloop.core.step import Metrics
from lmloop.report import blocks
from lmloop.report.training import Written, read_rows
from lmloop.stages.pretrain.job import Job
from lmloop.stages.pretrain.watching import SAMPLES


def describe(job: Job, realised: Mapping[str, int]) -> tuple[list[blocks.Block], Metrics]:
    """Describe a finished training from what it wrote down; ``realised`` is how many tokens each source gave."""
    written = Written.read(job.out)
    samples = _samples(job.out / SAMPLES)
    metrics = _metrics(job, written)
    found: list[blocks.Block] = [_numbers(job, metrics, written), written.losses()]
    if written.held:
        note = "compares across tokenizers"
        found.append(written.held_curve("Held-out bits per byte", "bits_per_byte", "bits", note))
    found += [written.curve("Learning rate", "rate"), written.curve("Length of the gradient", "gradient", y_log=True)]
    found += written.speed()
    if len(realised) > 1:
        counts = blocks.Series("tokens", tuple(realised.values()))
        found.append(blocks.Bars("Tokens read by source", tuple(realised), (counts,)))
    found += written.went_wrong()
    if samples:
        found.append(_texts(samples))
    return found, metrics


def _numbers(job: Job, metrics: Metrics, written: Written) -> blocks.Numbers:
    shape, training = job.shape, job.training
    held = [
        blocks.Figure(
            f"bits per byte, {name.removeprefix('bits_per_byte/')}", round(float(value), 3), caption="held out"
        )
        for name, value in metrics.items()
        if name.startswith("bits_per_byte/")
    ]
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
        blocks.Figure("share of the peak", f"{float(metrics.get('utilisation', 0)):.0%}", caption=written.peak),
    ]
    return blocks.Numbers("The model", tuple(figures))


def _texts(samples: Mapping[int, Sequence[Sequence[str]]]) -> blocks.Text:
    passages = [
        blocks.Passage(f"{prompt}▸{text}", f"after {step:,} steps")
        for step, pairs in sorted(samples.items(), reverse=True)
        for prompt, text in pairs
    ]
    return blocks.Text("What it writes", tuple(passages), note="▸ stands where the model goes on")


def _metrics(job: Job, written: Written) -> Metrics:
    scores = written.held[-1]["held"] if written.held else {}
    return {
        "parameters": job.shape.parameters,
        "steps": job.training.steps,
        "tokens": job.training.steps * job.training.tokens_per_step,
        "loss": written.loss,
        **{f"loss/{name}": score["loss"] for name, score in scores.items()},
        **{f"bits_per_byte/{name}": score["bits_per_byte"] for name, score in scores.items()},
        **written.rates(),
    }


def _samples(path: Path) -> dict[int, list[list[str]]]:
    """Read the samples, and leave each once: an interrupted training may have sampled a step twice."""
    found: dict[int, list[list[str]]] = {row["step"]: row["samples"] for row in read_rows(path)}
    if found:
        with draft(path) as place:
            rows = [{"step": step, "samples": samples} for step, samples in sorted(found.items())]
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            place.write_text(text, encoding="utf-8")
    return found
