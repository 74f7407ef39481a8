"""Small histograms below each other on the axis of a large one: a statistic by source, by language."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lmloop.report.blocks import Histogram, Slice, Split
from lmloop.report.charts import fitted
from lmloop.report.scale import Scale
from lmloop.report.svg import Attributes, element, percent
from lmloop.report.units import number, share

HEIGHT, WIDTH = 100, 1000


def splits(block: Histogram) -> list[dict[str, Any]]:
    """Give for each way to group the rows what the template wants: a row for each group, with its drawing."""
    if not block.splits:
        return []
    x = fitted(block)
    return [{"by": split.by, "rows": [_row(block, each, x) for each in split.slices]} for split in _told(block)]


def _told(block: Histogram) -> list[Split]:
    return [split for split in block.splits if split.slices]


def _row(block: Histogram, each: Slice, x: Scale) -> dict[str, Any]:
    before, after = (sum(values) for values in (each.values[0], each.values[-1]))
    beyond = share(each.beyond, 1.0) if each.beyond is not None else ""
    told = f"; {beyond} beyond the threshold" if beyond else ""
    return {
        "name": each.name,
        "rows": number(before),
        "beyond": beyond,
        "much": (each.beyond or 0.0) >= 0.2,
        "drawing": _drawing(block, each, x),
        "tip": f"{each.name}: {number(before)} rows, {number(after)} kept in the end{told}",
    }


def _drawing(block: Histogram, each: Slice, x: Scale) -> str:
    most = max((max(values, default=0) for values in each.values), default=0) or 1
    shades = ("behind", "s0") if len(each.values) == 2 else ("s0",)
    paths = [
        element("path", {"class": f"bin {shade}", "d": _outline(block.edges, values, x, most)})
        for shade, values in zip(shades, each.values, strict=False)
    ]
    stretched: Attributes = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "preserveAspectRatio": "none", "class": "ridge"}
    marks = [
        element(
            "line",
            {
                "class": "threshold",
                "x1": percent(x.at(mark.value)),
                "x2": percent(x.at(mark.value)),
                "y1": 0,
                "y2": "100%",
            },
        )
        for mark in block.thresholds
        if x.low <= mark.value <= x.high
    ]
    drawing = element("svg", {**stretched, "width": "100%", "height": "100%"}, *paths)
    return element("svg", {"class": "ridges", "aria-hidden": "true"}, drawing, *marks)


def _outline(edges: Sequence[float], values: Sequence[int], x: Scale, most: int) -> str:
    """Draw all bars of a series as one path."""
    parts = []
    for (left, right), value in zip(pairwise(edges), values, strict=False):
        if value:
            start, wide = x.at(left) * WIDTH / 100, (x.at(right) - x.at(left)) * WIDTH / 100
            high = max(round(value / most * HEIGHT), 2)
            parts.append(f"M{start:.0f} {HEIGHT}v-{high}h{wide:.0f}v{high}z")
    return "".join(parts)
