"""What a person sees of a study, and its numbers."""

from collections.abc import Sequence
from statistics import fmean

from lmloop.core.step import Metrics
from lmloop.report import blocks
from lmloop.stages.adapter_study.arms import Study
from lmloop.stages.adapter_study.results import Result, difference

MEASURES = {
    "right": "names right in the dialects learnt",
    "kept": "names right in the base's own dialect",
    "load": "share of the busiest expert",
    "spread": "entropy of the load, 1 is even",
    "own": "weight on the first half: the base's dialect less the others",
}
SHOWN: dict[Study, tuple[str, ...]] = {
    "conflict": ("right",),
    "balance": ("spread", "load", "right"),
    "layers": ("right",),
    "softness": ("right", "spread"),
    "forgetting": ("kept", "right", "own"),
}
TITLES: dict[Study, str] = {
    "conflict": "A mixture and a LoRA of equal size, by the number of dialects",
    "balance": "MixLoRA with its balancing loss and without",
    "layers": "MoLA's patterns of equal total",
    "softness": "One, two or all experts a token",
    "forgetting": "LoRAMoE's constraint and what the base knew",
}
BAND = "lines are means, bands reach from the lowest repetition to the highest"


def show(study: Study, results: Sequence[Result]) -> list[blocks.Block]:
    """Draw each measure, and put all last values in a table."""
    if study == "conflict":
        curves: list[blocks.Block] = [_by_dialects(results)]
    else:
        curves = [_by_step(results, measure) for measure in SHOWN[study]]
    return [*curves, _table(study, results)]


def metrics(study: Study, results: Sequence[Result]) -> Metrics:
    """Give the mean of each arm's last values."""
    found: dict[str, float] = {}
    for result in results:
        for measure in SHOWN[study]:
            if result.has(measure):
                found[f"{measure} {_name(study, result)}"] = round(fmean(result.last(measure)), 4)
    return found


def _by_dialects(results: Sequence[Result]) -> blocks.Curve:
    by_arm: dict[str, list[Result]] = {}
    for result in results:
        by_arm.setdefault(result.arm.name, []).append(result)
    lines = []
    for name, same in by_arm.items():
        x, values = tuple(each.arm.dialects for each in same), [each.last("right") for each in same]
        lines.append(_line(name, x, values))
    return blocks.Curve(
        "Names right, by the number of dialects", tuple(lines), "dialects", "share", x_log=True, note=BAND
    )


def _by_step(results: Sequence[Result], measure: str) -> blocks.Curve:
    lines = [_line(each.arm.name, each.steps, each.over_steps(measure)) for each in results if each.has(measure)]
    title = MEASURES[measure][0].upper() + MEASURES[measure][1:]
    return blocks.Curve(title, tuple(lines), "step", "share", note=BAND)


def _line(name: str, x: tuple[int, ...], values: Sequence[Sequence[float]]) -> blocks.Line:
    mean = tuple(round(fmean(each), 4) for each in values)
    return blocks.Line(name, x, mean, tuple(min(each) for each in values), tuple(max(each) for each in values))


def _table(study: Study, results: Sequence[Result]) -> blocks.Table:
    shown = SHOWN[study]
    columns = ["arm", "trained weights", "rate"]
    for measure in shown:
        columns += [MEASURES[measure], "lowest to highest", "difference to the first"]
    rows = []
    for result in results:
        first = next(each for each in results if each.arm.dialects == result.arm.dialects)
        cells: list[blocks.Cell] = [_name(study, result), result.trained, result.rate]
        for measure in shown:
            cells += _cells(result, first, measure)
        rows.append(tuple(cells))
    note = (
        "Differences are means over repetitions with the same dialects, with their standard error. "
        "Of several rates, the one that learns the dialects best is shown."
    )
    return blocks.Table(TITLES[study], tuple(columns), tuple(rows), note=note)


def _cells(result: Result, first: Result, measure: str) -> list[blocks.Cell]:
    if not result.has(measure):
        return [None, None, None]
    last = result.last(measure)
    said = None
    if result is not first and first.has(measure):
        mean, error = difference(result, first, measure)
        said = f"{mean:+.3f} ± {error:.3f}"
    return [round(fmean(last), 4), f"{min(last):.3f} to {max(last):.3f}", said]


def _name(study: Study, result: Result) -> str:
    return f"{result.arm.name}, {result.arm.dialects} dialects" if study == "conflict" else result.arm.name
