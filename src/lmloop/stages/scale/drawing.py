"""The drawings of a fit: runs and frontier, lines of one loss, best sizes, residuals, laws side by side."""

from typing import Any

import numpy as np

from lmloop.kernels.scaling.frontier import Interval
from lmloop.kernels.scaling.law import Chinchilla
from lmloop.kernels.scaling.points import Floats, Points
from lmloop.kernels.scaling.slices import budgets
from lmloop.report import blocks
from lmloop.stages.scale.study import Study

PLACES = 60
LINES = 6
CURVES = 4


def over_compute(study: Study) -> blocks.Curve:
    """Draw the loss of all runs over compute, and the least that the law holds possible."""
    points = study.points
    lines = [blocks.Line("runs", _row(points.flops), _row(points.loss), dots=True)]
    frontier = study.frontier
    if frontier:
        best = frontier.loss
        lines.append(blocks.Line("best possible", _row(frontier.flops), *_band(best)))
    note = "The band is the 95 % interval; the line goes on to ten times the largest run." if frontier else ""
    return blocks.Curve("Loss over compute", tuple(lines), "FLOPs", "loss", x_log=True, y_log=True, note=note)


def contours(study: Study) -> blocks.Curve:
    """Draw the runs by size and data, lines along which the law gives one loss, and the best way through them."""
    points = study.points
    n = np.geomspace(points.params.min() / 1.5, points.params.max() * 3, PLACES)
    low, high = points.tokens.min() / 1.5, points.tokens.max() * 3
    lines = [blocks.Line("runs", _row(points.params), _row(points.tokens), dots=True)]
    if study.frontier:
        best = study.frontier
        inside = (best.params.value <= n[-1]) & (best.tokens.value <= high)
        lines.append(blocks.Line("best N and D", _row(best.params.value[inside]), _row(best.tokens.value[inside])))
    for loss in _levels(points):
        d = _tokens_for(study, loss, n)
        inside = np.isfinite(d) & (d >= low) & (d <= high)
        if inside.any():
            lines.append(blocks.Line(f"loss {loss:.3g}", _row(n[inside]), _row(d[inside])))
    note = "Each line joins the sizes and data that should reach one loss."
    return blocks.Curve("Where the loss is the same", tuple(lines[:LINES]), "N", "D", x_log=True, y_log=True, note=note)


def sizes(study: Study) -> blocks.Curve:
    """Draw the best sizes over compute as each approach finds them."""
    lines = []
    for name, approach in (("1: lowest of the curves", "1"), ("2: parabola at each budget", "2")):
        found = study.slices[approach]
        if len(found.flops):
            lines.append(blocks.Line(name, _row(found.flops), _row(found.params), dots=True))
    if study.frontier:
        lines.append(blocks.Line("3: the law", _row(study.frontier.flops), *_band(study.frontier.params)))
    note = "" if study.frontier else "The law's best sizes are not drawn: its exponents are not known."
    return blocks.Curve("Best size over compute", tuple(lines), "FLOPs", "N", x_log=True, y_log=True, note=note)


def one_budget_each(study: Study) -> blocks.Curve | None:
    """Draw the loss over size at some budgets, and a parabola through each (IsoFLOP); None if none has three sizes."""
    there = list(budgets(study.points))
    if not there:
        return None
    shown = [there[place] for place in np.unique(np.linspace(0, len(there) - 1, CURVES).round().astype(int))]
    lines = []
    for budget in shown:
        n = np.geomspace(budget.runs.params.min(), budget.runs.params.max(), PLACES)
        lines.append(blocks.Line(f"{budget.flops:.2g} FLOPs", _row(n), _row(budget.loss(n))))
    runs = [np.concatenate([getattr(budget.runs, side) for budget in shown]) for side in ("params", "loss")]
    lines.append(blocks.Line("runs", _row(runs[0]), _row(runs[1]), dots=True))
    best = np.array([budget.best for budget in shown if not budget.why])
    if len(best):
        lowest = [float(budget.loss(np.array(budget.best))) for budget in shown if not budget.why]
        lines.append(blocks.Line("lowest", _row(best), _row(lowest), dots=True))
    some = f" {len(shown)} of {len(there)} budgets are drawn." if len(shown) < len(there) else ""
    note = f"At each budget a smaller model reads more, a larger one less.{some}"
    return blocks.Curve("One budget, many sizes", tuple(lines), "N", "loss", x_log=True, note=note)


def residuals(study: Study) -> blocks.Curve:
    """Draw how far each run lies off the law, over compute."""
    points = study.points
    off = 100 * np.expm1(study.fit.residuals(points))
    level = blocks.Line("the law", (float(points.flops.min()), float(points.flops.max())), (0.0, 0.0))
    lines = (blocks.Line("runs", _row(points.flops), _row(off), dots=True), level)
    note = "A bend over compute means that the law does not hold over the whole range."
    return blocks.Curve("How far off each run is", lines, "FLOPs", "% above the law", x_log=True, note=note)


def laws(study: Study) -> blocks.Curve:
    """Draw what each law says of ever larger models on as much data as the largest run had."""
    points = study.points
    n = np.geomspace(points.params.min(), points.params.max() * 10, PLACES)
    at = Points.of(n, np.full(len(n), points.tokens.max()), np.ones(len(n)))
    names = (("E + A / N^alpha + B / D^beta", study.fit), ("Kaplan", study.kaplan))
    lines = tuple(
        blocks.Line(f"{name}, objective {found.objective:.3g}", _row(n), _row(found.predict(at)))
        for name, found in names
    )
    note = "On the tokens of the run with most. The lower the objective, the closer to the runs."
    return blocks.Curve("Two laws", lines, "N", "loss", x_log=True, y_log=True, note=note)


def _tokens_for(study: Study, loss: float, n: Floats) -> Floats:
    """Give the tokens with which each size should reach a loss: D = (B / (L - E - A / N^alpha))^(1 / beta)."""
    law = study.fit.law
    assert isinstance(law, Chinchilla)
    values = study.fit.values
    rest = loss - values["E"] - values["A"] / n ** values["alpha"]
    with np.errstate(all="ignore"):
        return np.asarray(np.where(rest > 0, (values["B"] / rest) ** (1 / values["beta"]), np.nan))


def _levels(points: Points) -> list[float]:
    return [float(np.quantile(points.loss, share)) for share in (0.02, 0.25, 0.6, 0.9)]


def _band(found: Interval) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    return _row(found.value), _row(found.low), _row(found.high)


def _row(values: Any) -> tuple[float, ...]:
    """Give a column as plain numbers of six digits: enough for a drawing, and the same on every machine."""
    return tuple(float(f"{value:.6g}") for value in np.asarray(values, dtype=np.float64))
