"""All that is found out about a table of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lmloop.core.errors import DataError
from lmloop.kernels.scaling.backtest import Backtest, backtests
from lmloop.kernels.scaling.compare import Side, compare
from lmloop.kernels.scaling.fit import Fit, fit
from lmloop.kernels.scaling.frontier import Frontier, Interval, best_params, frontier, interval, predict
from lmloop.kernels.scaling.identify import NextRun, Verdict, judge, next_runs
from lmloop.kernels.scaling.law import Chinchilla, Compute, Kaplan
from lmloop.kernels.scaling.points import FLOPS_EACH, Floats, Points
from lmloop.kernels.scaling.resample import bootstrap
from lmloop.kernels.scaling.saved import Saved
from lmloop.kernels.scaling.slices import Slices, envelope, parabolas, slopes
from lmloop.stages.scale.asked import Asked

SUSPECT = 6.0
"""Runs that lie so many robust standard deviations off the law are shown as suspects."""
FEWER = 200
"""So many draws are enough where an interval is of an interval's kind: back-tests and approaches 1 and 2."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A run that was left out, and why."""

    params: float
    tokens: float
    loss: float
    why: str


@dataclass(frozen=True, slots=True)
class Foretold:
    """What a run should reach: its loss, the interval of the law and that of a new run; or why it is not told."""

    params: float | None
    tokens: float | None
    flops: float
    law: Interval | None = None
    new: Interval | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the exponent of compute in the best N: what it gives, between which values, from what."""

    name: str
    exponent: float | None
    low: float | None
    high: float | None
    told: str


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that a scale step found."""

    points: Points
    unusable: Mapping[str, int]
    dropped: Sequence[Dropped]
    suspects: Sequence[Dropped]
    saved: Saved
    kaplan: Fit
    verdict: Verdict
    more: Sequence[NextRun]
    ways: Sequence[Way]
    slices: Mapping[str, Slices]
    backtests: Sequence[Backtest]
    foretold: Sequence[Foretold]
    frontier: Frontier | None = None
    compute: Fit | None = None
    sides: Sequence[Side] = field(default_factory=tuple)

    @property
    def fit(self) -> Fit:
        """The law L = E + A / N^alpha + B / D^beta."""
        return self.saved.fit

    @property
    def draws(self) -> Floats:
        """Its bootstrap."""
        return self.saved.draws

    def interval_of(self, name: str) -> Interval:
        """Give a parameter of the law as papers print it, with its interval."""
        return interval(self.fit.law.natural(self.draws)[name], np.asarray(self.fit.values[name]))


def drop(points: Points, highest: int, off: float | None) -> tuple[Points, list[Dropped]]:
    """Leave out the runs of the highest losses, then those that lie too many robust deviations off a first fit."""
    found: list[Dropped] = []
    if highest:
        order = np.argsort(-points.loss, kind="stable")
        found += _list(points.where(order[:highest]), f"among the {highest} highest losses")
        points = points.where(np.sort(order[highest:]))
    if off is not None:
        far = np.abs(deviations(fit(Chinchilla.over(points), points), points)) > off
        found += _list(points.where(far), f"more than {off:g} deviations off the law")
        points = points.where(~far)
    if not len(points):
        raise DataError("every run was dropped", hint="lower drop_highest")
    return points, found


def deviations(found: Fit, points: Points) -> Floats:
    """Give residuals in robust standard deviations (1.4826 times the median size)."""
    residuals = found.residuals(points)
    return np.asarray(residuals / max(1.4826 * float(np.median(np.abs(residuals))), 1e-4))


def study(points: Points, draws: int, seed: int, asked: Sequence[Asked], left_out: Mapping[str, int]) -> Study:
    """Fit and question a table of runs; ``left_out`` counts rows that could not be used, by reason."""
    law = Chinchilla.over(points)
    found = fit(law, points)
    spread = bootstrap(found, points, draws, seed)
    verdict = judge(found, spread, points)
    saved = Saved(found, spread, points, verdict.against)
    slices = {"1": envelope(points), "2": parabolas(points)}
    kaplan = fit(Kaplan.over(points), points)
    far = np.abs(deviations(found, points)) > SUSPECT
    reach = np.geomspace(points.flops.min(), points.flops.max() * 10, 40)
    largest = float(points.flops.max())
    more = [run for times in (1, 10) for run in next_runs(found, spread, points, largest * times)]
    return Study(
        points=points,
        unusable=left_out,
        dropped=(),
        suspects=_list(points.where(far), "far off the law, but kept"),
        saved=saved,
        kaplan=kaplan,
        verdict=verdict,
        more=more,
        ways=_ways(points, saved, slices, min(draws, FEWER), seed),
        slices=slices,
        backtests=backtests(points, min(draws, FEWER), seed),
        foretold=[foretell(saved, each) for each in asked],
        frontier=frontier(found, spread, reach) if verdict.known else None,
        compute=_compute(slices),
    )


def foretell(saved: Saved, asked: Asked) -> Foretold:
    """Foretell one run; the best run of a budget only where the exponents are known."""
    law = saved.fit.law
    assert isinstance(law, Chinchilla)
    if asked.flops is not None:
        if saved.against:
            return Foretold(None, None, asked.flops, why="the best size cannot be told: " + "; ".join(saved.against))
        n = float(best_params(law, saved.fit.theta, np.array([asked.flops]))[0])
        d = asked.flops / FLOPS_EACH / n
    else:
        assert asked.params is not None
        assert asked.tokens is not None
        n, d = asked.params, asked.tokens
    at = Points.of([n], [d], [1.0])
    of_law, new = predict(saved.fit, saved.draws, saved.points, at)
    return Foretold(n, d, float(at.flops[0]), of_law, new)


def compared(points: Points, own: str, draws: int, seed: int) -> Sequence[Side]:
    """Compare the groups of a table."""
    return compare(points, own, draws, seed)[1]


def _list(points: Points, why: str) -> list[Dropped]:
    rows = zip(points.params, points.tokens, points.loss, strict=True)
    return [Dropped(float(n), float(d), float(loss), why) for n, d, loss in rows]


def _ways(points: Points, saved: Saved, slices: Mapping[str, Slices], draws: int, seed: int) -> list[Way]:
    found = []
    names = {"1": "1: lowest of the curves", "2": "2: parabola at each budget"}
    for approach, mine in slices.items():
        line = mine.line
        if line is None:
            found.append(Way(names[approach], None, None, None, "; ".join(mine.left_out) or "fewer than two budgets"))
            continue
        drawn = slopes(points, approach, draws, seed)
        ends = np.percentile(drawn, [2.5, 97.5]) if len(drawn) > draws // 2 else (np.nan, np.nan)
        count = len(np.unique(np.round(np.log(mine.params), 2))) if approach == "1" else len(mine.flops)
        told = f"{count} best sizes" if approach == "1" else f"{count} budgets"
        low, high = (float(end) if np.isfinite(end) else None for end in ends)
        found.append(Way(names[approach], line[0], low, high, "; ".join([told, *mine.left_out])))
    natural = saved.fit.law.natural(saved.draws)["exponent"]
    low, high = np.percentile(natural, [2.5, 97.5])
    told = f"{len(points)} runs, {len(saved.draws)} draws"
    found.append(Way("3: the law", saved.fit.values["exponent"], float(low), float(high), told))
    return found


def _compute(slices: Mapping[str, Slices]) -> Fit | None:
    """Fit L = E + K / C^gamma to the best runs by compute: those of approach 2, or else of approach 1."""
    for approach in ("2", "1"):
        best = slices[approach]
        if len(np.unique(best.flops)) >= 4:
            points = Points.of(best.params, best.flops / FLOPS_EACH / best.params, best.loss)
            return fit(Compute.over(points), points)
    return None
