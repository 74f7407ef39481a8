"""What a person should see of a fit: the words and the tables; the drawings are in ``drawing``."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from lmloop.core.step import Metrics
from lmloop.kernels.scaling.identify import NextRun
from lmloop.report import blocks
from lmloop.report.units import short
from lmloop.stages.scale.drawing import contours, laws, one_budget_each, over_compute, residuals, sizes
from lmloop.stages.scale.study import Dropped, Study

FEW = 100


def show(study: Study, count: str) -> list[blocks.Block]:
    """Give all blocks, the answer first."""
    found: list[blocks.Block] = [_headline(study), over_compute(study), contours(study)]
    found += [_identifiability(study), _foretold(study)] if study.foretold else [_identifiability(study)]
    found += [block for block in (one_budget_each(study), sizes(study)) if block is not None]
    found += [_ways(study), _parameters(study, count)]
    if study.sides:
        found += [_sides(study), _worth(study)]
    found += [residuals(study), laws(study)]
    if study.backtests:
        found.append(_backtests(study))
    return [*found, *_left_out(study)]


def metrics(study: Study) -> Metrics:
    """Give the numbers for the run card."""
    exponent = study.interval_of("exponent")
    told: dict[str, float | int | str] = {
        "runs": len(study.points),
        "dropped": len(study.dropped),
        **{name: study.fit.values[name] for name in ("E", "A", "B", "alpha", "beta", "exponent")},
        "exponent_low": float(exponent.low),
        "exponent_high": float(exponent.high),
        "known": "yes" if study.verdict.known else "no",
    }
    if study.backtests:
        told["bias"] = study.backtests[0].bias
    return told


def facts(study: Study) -> dict[str, Any]:
    """Give what programs may want beside the fit itself."""
    names = ("E", "A", "B", "alpha", "beta", "exponent")
    ends = {name: study.interval_of(name) for name in names}
    return {
        "values": study.fit.values,
        "intervals": {name: [float(each.low), float(each.high)] for name, each in ends.items()},
        "kaplan": study.kaplan.values,
        "compute": study.compute.values if study.compute else None,
        "ways": [{"name": way.name, "exponent": way.exponent, "low": way.low, "high": way.high} for way in study.ways],
        "condition": study.verdict.condition,
        "correlation": study.verdict.correlation,
        "next": [_next(run) for run in study.more],
        "unusable": dict(study.unusable),
        "dropped": [[run.params, run.tokens, run.loss, run.why] for run in study.dropped],
        "worth": {side.name: [float(side.params.value), float(side.tokens.value)] for side in study.sides},
    }


def _next(run: NextRun) -> dict[str, float]:
    return {"params": run.params, "tokens": run.tokens, "flops": run.flops, "width": run.width}


def _headline(study: Study) -> blocks.Numbers:
    def told(name: str, digits: int) -> str:
        ends = study.interval_of(name)
        return f"95 %: {ends.low:.{digits}f} to {ends.high:.{digits}f}"

    values = study.fit.values
    known = study.verdict.known
    figures = (
        blocks.Figure("irreducible loss E", round(values["E"], 3), caption=told("E", 3)),
        blocks.Figure("alpha, of parameters", round(values["alpha"], 3), caption=told("alpha", 3)),
        blocks.Figure("beta, of tokens", round(values["beta"], 3), caption=told("beta", 3)),
        blocks.Figure(
            "best N grows as C to the",
            f"{values['exponent']:.3f}" if known else "not known",
            caption=told("exponent", 3),
        ),
        blocks.Figure("runs", len(study.points), caption=f"{len(study.dropped)} dropped, {_count(study)} unusable"),
    )
    note = "" if known else "The exponents are not known: " + "; ".join(study.verdict.against) + "."
    return blocks.Numbers("What the runs say", figures, note=note)


def _count(study: Study) -> int:
    return sum(study.unusable.values())


def _identifiability(study: Study) -> blocks.Table:
    verdict = study.verdict
    rows: list[tuple[blocks.Cell, ...]] = [
        ("width of the exponent's 95 % interval", f"{verdict.width:.3f}", "a best size is told up to .2"),
        (
            "condition number of the Jacobian",
            f"{verdict.condition:,.3g}",
            "from 30 on, parameters make up for each other",
        ),
        ("correlation of alpha and beta", f"{verdict.correlation:.2f}", "near 1 or -1, only one of them is known"),
        (
            "starts that came to the same optimum",
            f"{study.fit.agreeing} of {study.fit.starts}",
            "few: look at the runs",
        ),
        ("decades of N; of D", " ; ".join(f"{each:.1f}" for each in _decades(study)), "1.5 of each are a fair start"),
    ]
    for run, most in zip(study.more, ("the largest run", "ten times the largest run"), strict=False):
        size = f"N = {short(run.params)}, D = {short(run.tokens)}"
        told = f"would bring the width to about {run.width:.2f}, for {short(run.flops)} FLOPs"
        if run.width >= study.verdict.width:
            told = f"tells most, for {short(run.flops)} FLOPs, but one run is not enough"
        rows.append((f"most telling next run, up to {most}", size, told))
    title = "Can the exponents be told?" + (" Yes" if verdict.known else " No")
    return blocks.Table(title, ("what", "here", "how to read it"), tuple(rows), note="; ".join(verdict.against))


def _decades(study: Study) -> Iterator[float]:
    for side in (study.points.params, study.points.tokens):
        yield float(np.log10(side.max() / side.min()))


def _foretold(study: Study) -> blocks.Table:
    rows: list[tuple[blocks.Cell, ...]] = []
    for each in study.foretold:
        size = (short(each.params), short(each.tokens), short(each.flops))
        if each.law is None or each.new is None:
            rows.append((*size, None, each.why, ""))
            continue
        ends = (f"{float(side.low[0]):.3f} to {float(side.high[0]):.3f}" for side in (each.law, each.new))
        rows.append((*size, float(each.law.value[0]), *ends))
    columns = ("N", "D", "FLOPs", "loss", "95 %, of the law", "95 %, of a new run")
    note = "The back-test says how such foretelling went for the runs that are there."
    return blocks.Table("What to expect", columns, tuple(rows), note=note)


def _ways(study: Study) -> blocks.Table:
    rows = tuple((way.name, way.exponent, way.low, way.high, way.told) for way in study.ways)
    columns = ("approach", "exponent a", "low", "high", "from")
    note = "N_opt grows as C to the a. Hoffmann et al. 2022 call the three approaches 1, 2 and 3."
    return blocks.Table("The exponent, three ways", columns, rows, note=note)


def _parameters(study: Study, count: str) -> blocks.Table:
    rows: list[tuple[blocks.Cell, ...]] = []
    for name in ("E", "A", "B", "alpha", "beta"):
        ends = study.interval_of(name)
        rows.append(("E + A / N^alpha + B / D^beta", name, *(_told(v) for v in (ends.value, ends.low, ends.high))))
    rows += [("Kaplan", name, _told(value), "", "") for name, value in study.kaplan.values.items()]
    if study.compute:
        rows += [("E + K / C^gamma", name, _told(value), "", "") for name, value in study.compute.values.items()]
    note = f"N counts {'all' if count == 'total' else 'non-embedding'} parameters; intervals are bootstrap percentiles."
    return blocks.Table("Parameters", ("law", "parameter", "value", "low", "high"), tuple(rows), note=note)


def _told(value: Any) -> str:
    return f"{float(value):.4g}" if 1e-3 < abs(float(value)) < 1e5 else f"{float(value):.3e}"


def _sides(study: Study) -> blocks.Table:
    rows: list[tuple[blocks.Cell, ...]] = [
        (side.name, side.runs, _span(side.params), _span(side.tokens), _span(side.floor)) for side in study.sides
    ]
    columns = ("", "runs", "worth in parameters", "worth in tokens", "E")
    note = "Exponents are shared. Worth 2 in tokens: as good as the first with twice the tokens."
    return blocks.Table("Side by side", columns, tuple(rows), note=note)


def _worth(study: Study) -> blocks.Bars:
    names = tuple(side.name for side in study.sides)
    series = (
        blocks.Series("in parameters", tuple(round(float(side.params.value), 3) for side in study.sides)),
        blocks.Series("in tokens", tuple(round(float(side.tokens.value), 3) for side in study.sides)),
    )
    return blocks.Bars("How many times the first each is worth", names, series)


def _span(each: Any) -> str:
    return f"{float(each.value):.3f} ({float(each.low):.3f} to {float(each.high):.3f})"


def _backtests(study: Study) -> blocks.Table:
    rows = tuple(
        (
            f"over {short(test.most_flops)} FLOPs",
            test.fitted,
            test.held_out,
            f"{test.reach:.1f}x",
            f"{100 * test.bias:+.2f} %",
            f"{100 * test.error:.2f} %",
            f"{100 * test.covered:.0f} %",
        )
        for test in study.backtests
    )
    columns = ("held out", "fitted", "predicted", "reach", "bias", "mean error", "in their interval")
    note = "The largest runs are held out and predicted from the rest. A bias below zero is too optimistic."
    return blocks.Table("Back-test", columns, rows, note=note)


def _left_out(study: Study) -> Iterator[blocks.Block]:
    columns = ("N", "D", "loss", "why")
    rows: list[tuple[blocks.Cell, ...]] = [_dropped(run) for run in [*study.dropped, *study.suspects]]
    rows += [("", "", count, f"row cannot be used: {why}") for why, count in study.unusable.items()]
    if rows:
        told = f"{len(study.dropped)} dropped, {len(study.suspects)} suspects kept, {_count(study)} unusable"
        yield blocks.Table("Outliers, and what was left out", columns, tuple(rows[:FEW]), note=told)


def _dropped(run: Dropped) -> tuple[blocks.Cell, ...]:
    return (short(run.params), short(run.tokens), run.loss, run.why)
