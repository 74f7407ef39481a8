"""Critical batch: how steps and tokens trade against each other, and how the best batch grows as the loss falls."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.scaling.critical_batch import FEWEST, Trade, reached, redrawn, steepness, trade
from lmloop.kernels.scaling.falling import between
from lmloop.kernels.scaling.points import Floats
from lmloop.report import blocks
from lmloop.report.finished import Run

FOUND = "batches.json"
DRAWN = 40
DEEP = 0.5


@dataclass(frozen=True)
class Study:
    """Some batches [B] in tokens, some losses [L], and the fewest steps [L, B] to each, by which training's rate."""

    batch: Floats
    loss: Floats
    steps_LB: Floats
    rate_LB: Floats
    trades: Sequence[Trade | None]
    draws_RL: Floats

    def interval(self, place: int) -> tuple[float, float]:
        """Give where the critical batch of a loss lies in the middle 95 % of the draws."""
        drawn = self.draws_RL[:, place]
        return between(drawn[~np.isnan(drawn)])

    @property
    def critical(self) -> Floats:
        """The critical batch of each loss; not a number where there is no fit."""
        return np.array([float("nan") if one is None else one.batch for one in self.trades])

    def error(self, place: int) -> float:
        """Give the mean relative error of the steps that a fit gives."""
        one, there = self.trades[place], np.isfinite(self.steps_LB[place])
        assert one is not None
        steps = self.steps_LB[place][there]
        return float(np.abs(one.at(self.batch[there]) / steps - 1).mean())


class CriticalBatch(Step):
    """Find how many steps and tokens base models took to some losses at different batches, and the trade between them.

    It reads pretrain steps of one model on the same tokens that differ in their batch, and may differ in their learning
    rate: at each loss the fastest of a batch counts. They should hold their rate (``schedule = { decay = 0.0 }``) and
    measure often. ``losses`` are held-out nats a token; by default there are ``places`` of them, down to the lowest
    that every batch reached. Intervals are those of ``draws`` refits to batches drawn with replacement.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("weights",)
    makes: ClassVar[Kind] = "scores"

    losses: list[Annotated[float, Field(gt=0)]] = []
    places: Annotated[int, Field(ge=2, le=20)] = 4
    draws: Annotated[int, Field(ge=50, le=5000)] = 1000

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Read the runs, fit, and leave ``batches.json`` and what a person should see."""
        found = self.study([Run.read(item) for item in inputs], context.seed)
        with draft(out / FOUND) as place:
            place.write_text(json.dumps(_plain(found)), encoding="utf-8")
        blocks.write(out / BLOCKS, _blocks(found))
        return {f"batch/{loss:.3g}": round(batch) for loss, batch in _told(found).items()}

    def study(self, runs: Sequence[Run], seed: int) -> Study:
        """Fit the trade at each loss.

        Raises:
            DataError: the runs are of several models, or of fewer than three batches.
        """
        if len({run.params for run in runs}) > 1:
            raise DataError("these models are not of one size", hint="all but batch and rate must be the same")
        batches = sorted({run.batch for run in runs})
        if len(batches) < FEWEST:
            raise DataError(
                f"{len(batches)} different batches are too few", hint="take five or more, each twice another"
            )
        losses = np.array(sorted(self.losses, reverse=True) or self._losses(runs, batches), dtype=np.float64)
        steps, rates = np.full((2, len(losses), len(batches)), np.nan)
        for run in runs:
            column = batches.index(run.batch)
            for row, wanted in enumerate(losses):
                tokens = reached(run.held_tokens, run.held, float(wanted))
                if tokens is not None and not steps[row, column] <= tokens / run.batch:
                    steps[row, column], rates[row, column] = tokens / run.batch, run.rate
        batch = np.array(batches, dtype=np.float64)
        trades = [trade(batch, row) for row in steps]
        if not any(trades):
            raise DataError("no loss was reached at three batches", hint="name higher losses, or train longer")
        return Study(batch, losses, steps, rates, trades, redrawn(batch, steps, self.draws, seed))

    def _losses(self, runs: Sequence[Run], batches: Sequence[int]) -> list[float]:
        """Spread losses from halfway down to the lowest one that every batch reached."""
        low = max(min(float(run.held.min()) for run in runs if run.batch == batch) for batch in batches)
        high = min(float(run.held[0]) for run in runs)
        return [float(f"{loss:.3g}") for loss in np.linspace(low + DEEP * (high - low), low, self.places + 1)[:-1]]


def _told(found: Study) -> Mapping[float, float]:
    pairs = zip(found.loss.tolist(), found.critical.tolist(), strict=True)
    return {loss: batch for loss, batch in pairs if np.isfinite(batch)}


def _plain(found: Study) -> dict[str, object]:
    """Give it as JSON."""
    rows = []
    for place, one in enumerate(found.trades):
        steps = [None if np.isnan(each) else float(each) for each in found.steps_LB[place]]
        rates = [None if np.isnan(each) else float(each) for each in found.rate_LB[place]]
        fit = None if one is None else {"steps": one.steps, "tokens": one.tokens, "batch": _cell(one.batch)}
        rows.append({"loss": float(found.loss[place]), "steps": steps, "rates": rates, "fit": fit})
    return {"batches": found.batch.tolist(), "losses": rows}


def _blocks(found: Study) -> list[blocks.Block]:
    steep = [steepness(found.loss, draw) for draw in found.draws_RL]
    low, high = between(np.array([each for each in steep if np.isfinite(each)]))
    first, last = list(_told(found).items())[:: max(1, len(_told(found)) - 1)][:2]
    figures = (
        blocks.Figure("critical batch at first", round(first[1]), caption=f"tokens, at a loss of {first[0]:.3g}"),
        blocks.Figure("critical batch at last", round(last[1]), caption=f"tokens, at a loss of {last[0]:.3g}"),
        blocks.Figure(
            "grows as the loss to the power of",
            f"-{steepness(found.loss, found.critical):.2g}",
            caption=f"95 %: -{low:.2g} to -{high:.2g}; Kaplan et al. 2020 have -4.8",
        ),
    )
    return [
        blocks.Numbers("The best batch is a function of the loss", figures),
        _trades(found),
        _growth(found),
        _table(found),
    ]


def _trades(found: Study) -> blocks.Curve:
    """Draw steps over tokens: the trainings as dots, the fits as lines."""
    lines, tokens, taken = list[blocks.Line](), list[float](), list[float]()
    for place, one in enumerate(found.trades):
        if one is None:
            continue
        there = np.isfinite(found.steps_LB[place])
        batch, steps = found.batch[there], found.steps_LB[place][there]
        at = np.geomspace(batch[0], batch[-1], DRAWN)
        lines.append(blocks.Line(f"loss {found.loss[place]:.3g}", _row(at * one.at(at)), _row(one.at(at))))
        tokens += _row(batch * steps)
        taken += _row(steps)
    lines.append(blocks.Line("trained", tuple(tokens), tuple(taken), dots=True))
    note = "Small batches are at the left and large ones at the right; lines are (S / Smin - 1)(E / Emin - 1) = 1."
    return blocks.Curve(
        "Steps and tokens to a loss", tuple(lines), "tokens", "steps", x_log=True, y_log=True, note=note
    )


def _growth(found: Study) -> blocks.Curve:
    places = [place for place, batch in enumerate(found.critical) if np.isfinite(batch)]
    ends = [found.interval(place) for place in places]
    x, y = _row(found.loss[places]), _row(found.critical[places])
    low, high = (tuple(_cell(end) for end in side) for side in zip(*ends, strict=True))
    line = blocks.Line("critical batch", x[::-1], y[::-1], low[::-1], high[::-1])
    return blocks.Curve("Critical batch by loss", (line,), "nats a token", "tokens", x_log=True, y_log=True)


def _table(found: Study) -> blocks.Table:
    rows: list[tuple[blocks.Cell, ...]] = []
    for place, one in enumerate(found.trades):
        if one is None:
            continue
        low, high = found.interval(place)
        fastest = (
            f"{batch:.0f}: {steps:,.0f} at {rate:.2g}"
            for batch, steps, rate in zip(found.batch, found.steps_LB[place], found.rate_LB[place], strict=True)
            if np.isfinite(steps)
        )
        told = (round(one.steps), round(one.tokens), f"{one.batch:,.0f} ({low:,.0f} to {high:,.0f})")
        rows.append((float(f"{found.loss[place]:.3g}"), *told, f"{found.error(place):.0%}", "; ".join(fastest)))
    columns = (
        "loss",
        "fewest steps",
        "fewest tokens",
        "critical batch (95 %)",
        "error",
        "steps at each batch and its rate",
    )
    return blocks.Table("Fits", columns, tuple(rows), note="error: mean of how far the fit is off the steps")


def _cell(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _row(values: Floats) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)
