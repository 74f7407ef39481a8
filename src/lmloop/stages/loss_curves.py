"""Loss curves: how the loss fell in some trainings, side by side, by tokens and by operations, and by which law."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from lmloop.core.draft import draft
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.scaling.falling import FEWEST, Falling, between, fall, intervals, spread
from lmloop.kernels.scaling.points import FLOPS_EACH, Floats
from lmloop.report import blocks
from lmloop.report.finished import Run

CURVES = "curves.json"
DRAWN = 40


@dataclass(frozen=True, slots=True)
class Law:
    """The law of one training loss: fitted to all of it, refitted to draws, and foretold from its first ``share``."""

    found: Falling
    draws: Sequence[Falling]
    foretold: float
    came: float


class LossCurves(Step):
    """Lay the loss curves of base models beside each other, and fit a power law to each: L = E + B / tokens^b.

    The law is fitted to the loss of the training rows from the share ``skip`` of the tokens on, in ``places`` evenly
    spread over the logarithm; its intervals are those of ``draws`` refits. A second fit sees only the first ``share``
    of the tokens: what it foretells of the end stands beside what came. A law of a loss that falls because the rate
    falls, as at the end of most schedules, says little: train with ``schedule = { decay = 0.0 }`` to fit one.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("weights",)
    makes: ClassVar[Kind] = "scores"

    skip: Annotated[float, Field(ge=0, lt=0.5)] = 0.05
    places: Annotated[int, Field(ge=FEWEST, le=500)] = 40
    draws: Annotated[int, Field(ge=50, le=5000)] = 300
    share: Annotated[float, Field(gt=0, lt=1)] = 0.25

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Read the runs, fit, and leave ``curves.json`` and what a person should see."""
        runs = [Run.read(item) for item in inputs]
        laws = [self._law(run, context.seed) for run in runs]
        with draft(out / CURVES) as place:
            place.write_text(json.dumps([_plain(*pair) for pair in zip(runs, laws, strict=True)]), encoding="utf-8")
        blocks.write(out / BLOCKS, _blocks(runs, laws, self.share))
        return {f"held/{run.name}": round(float(run.held[-1]), 4) for run in runs}

    def _law(self, run: Run, seed: int) -> Law | None:
        """Fit a law; None where there are too few steps for one."""
        first = self.skip * float(run.tokens[-1])
        x, y = spread(run.tokens, run.loss, first, self.places)
        early = run.tokens <= self.share * run.tokens[-1]
        start = spread(run.tokens[early], run.loss[early], first, self.places // 2)
        if min(len(x), len(start[0])) < FEWEST:
            return None
        foretold = float(fall(*start).at(np.array([x[-1]]))[0])
        return Law(fall(x, y), intervals(x, y, self.draws, seed), foretold, float(y[-1]))


def _plain(run: Run, law: Law | None) -> dict[str, object]:
    """Give a run as JSON."""
    sides = {name: getattr(run, name).tolist() for name in ("tokens", "loss", "held_tokens", "held")}
    fitted = None if law is None else {"floor": law.found.floor, "amount": law.found.amount, "b": law.found.exponent}
    return {"name": run.name, "params": run.params, "law": fitted, **sides}


def _blocks(runs: Sequence[Run], laws: Sequence[Law | None], share: float) -> list[blocks.Block]:
    found: list[blocks.Block] = [_table(runs)]
    held = [blocks.Line(run.name, _row(run.held_tokens), _row(run.held)) for run in runs]
    found.append(blocks.Curve("Held-out loss", tuple(held), "tokens read", "nats a token", x_log=True))
    if len({run.params for run in runs}) > 1:
        found.append(_costs(runs))
    fitted = [(run, law) for run, law in zip(runs, laws, strict=True) if law is not None]
    if fitted:
        found += [_training(fitted), _fits(fitted, share)]
    return found


def _table(runs: Sequence[Run]) -> blocks.Table:
    rows = [
        (run.name, run.params, int(run.held_tokens[-1]), f"{run.flops:.2g}", round(float(run.held[-1]), 3))
        for run in runs
    ]
    columns = ("training", "parameters", "tokens", "operations", "held-out loss")
    return blocks.Table("Where they came to", columns, tuple(rows))


def _costs(runs: Sequence[Run]) -> blocks.Curve:
    """Draw the loss of the training rows over the operations spent: of rows read once, it is as good as held out."""
    lines = []
    for run in runs:
        x, y = spread(run.tokens, run.loss, 0.0, DRAWN)
        lines.append(blocks.Line(run.name, _row(FLOPS_EACH * run.params * x), _row(y)))
    return blocks.Curve("Loss by operations", tuple(lines), "6 N D", "nats a token", x_log=True)


def _training(fitted: Sequence[tuple[Run, Law]]) -> blocks.Curve:
    """Draw the loss of the training rows in log-log, with the law and its band where there is one training."""
    lines = []
    for run, law in fitted:
        x, y = spread(run.tokens, run.loss, 0.0, 4 * DRAWN)
        lines.append(blocks.Line(run.name, _row(x), _row(y), dots=len(fitted) == 1))
        if len(fitted) == 1:
            at = np.geomspace(x[len(x) // 4], x[-1], DRAWN)
            low, high = np.quantile([draw.at(at) for draw in law.draws], [0.025, 0.975], axis=0)
            lines.append(blocks.Line("power law", _row(at), _row(law.found.at(at)), _row(low), _row(high)))
    title = "Loss of the rows that were read"
    return blocks.Curve(title, tuple(lines), "tokens read", "nats a token", x_log=True, y_log=True)


def _fits(fitted: Sequence[tuple[Run, Law]], share: float) -> blocks.Table:
    rows: list[tuple[blocks.Cell, ...]] = []
    for run, law in fitted:
        ends = [between(np.array([getattr(draw, name) for draw in law.draws])) for name in ("exponent", "floor")]
        told = [f"{value:.3g} ({low:.2g} to {high:.2g})" for value, (low, high) in zip(
            (law.found.exponent, law.found.floor), ends, strict=True
        )]  # fmt: skip
        rows.append((run.name, *told, round(law.foretold, 3), round(law.came, 3)))
    columns = ("training", "exponent b (95 %)", "floor E (95 %)", f"end, foretold from {share:.0%}", "end, as it came")
    return blocks.Table("Power laws", columns, tuple(rows), note="L = E + B / tokens^b")


def _row(values: Floats) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)
