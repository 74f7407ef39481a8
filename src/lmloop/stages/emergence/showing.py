"""What a person should see of scores over a ladder."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from lmloop.kernels.scaling.emergence import SIGNAL, Series, Verdict, chance_band, shape
from lmloop.report import blocks

LINES = 6


def show(tasks: Mapping[str, Sequence[Series]], verdicts: Mapping[str, Verdict]) -> list[blocks.Block]:
    """Give the verdicts, a drawing for each metric, and the numbers behind."""
    counts = Counter(verdicts.values())
    figures = tuple(blocks.Figure(verdict, count, caption="tasks") for verdict, count in counts.items())
    found: list[blocks.Block] = [blocks.Numbers("Whose jumps are they?", figures)]
    metrics = dict.fromkeys(series.metric for each in tasks.values() for series in each)
    found += [_drawing(metric, tasks) for metric in metrics]
    return [*found, _verdicts(tasks, verdicts), _shapes(tasks)]


def _drawing(metric: str, tasks: Mapping[str, Sequence[Series]]) -> blocks.Curve:
    mine = [series for each in tasks.values() for series in each if series.metric == metric]
    # the tasks that jump most come first; of many, the rest is in the table
    mine.sort(key=lambda series: -min(shape(series).breakthroughness, 1e9))
    shown = mine[:LINES]
    falling = all((series.scale < 0).all() for series in shown)
    lines = [blocks.Line(series.task, _row(series.scale), _row(series.scores)) for series in shown]
    banded = next((series for series in shown if series.items), None)
    if banded is not None:
        low, high = chance_band(banded.chance, banded.items)
        ends = (float(banded.scale[0]), float(banded.scale[-1]))
        lines.append(blocks.Line("chance", ends, (banded.chance,) * 2, (low,) * 2, (high,) * 2))
    kind = "continuous" if shown[0].continuous else "all or nothing"
    name = "minus the loss: better models to the right" if falling else "scale"
    more = f" {len(mine) - LINES} more tasks are in the table." if len(mine) > LINES else ""
    return blocks.Curve(f"{metric} ({kind})", tuple(lines), name, metric, x_log=not falling, note=more.strip())


def _verdicts(tasks: Mapping[str, Sequence[Series]], verdicts: Mapping[str, Verdict]) -> blocks.Table:
    rows = []
    for task, series in tasks.items():
        rough = [each.metric for each in series if not each.continuous and shape(each).sharp]
        climbing = [each for each in series if each.continuous and shape(each).rho > SIGNAL]
        smooth = [each.metric for each in climbing if not shape(each).sharp]
        rows.append((task, verdicts[task], ", ".join(rough), ", ".join(smooth)))
    columns = ("task", "verdict", "jumps under", "climbs under")
    return blocks.Table("Verdicts", columns, tuple(rows))


def _shapes(tasks: Mapping[str, Sequence[Series]]) -> blocks.Table:
    rows: list[tuple[blocks.Cell, ...]] = []
    for each in tasks.values():
        for series in each:
            found = shape(series)
            jump = f"{found.breakthroughness:.3g}" if np.isfinite(found.breakthroughness) else "most steps are 0"
            first, last = float(series.scores[0]), float(series.scores[-1])
            above = f"{found.above} of {len(series.scores)}" if series.items else ""
            rows.append(
                (series.task, series.metric, round(found.rho, 3), f"{found.linearity:.3g}", jump, first, last, above)
            )
    columns = ("task", "metric", "rho", "linearity", "breakthroughness", "smallest", "largest", "above chance")
    note = (
        "Steps are for the distance of their two models. Over n places an even rise has n - 1 for both; a jump has a "
        "far higher breakthroughness."
    )
    return blocks.Table("How each rises", columns, tuple(rows), note=note)


def _row(values: object) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in np.asarray(values, dtype=np.float64))
