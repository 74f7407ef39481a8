"""The two charts with axes: histograms and curves."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from lmloop.report.blocks import Curve, Histogram, Line, Series
from lmloop.report.scale import Scale, fit
from lmloop.report.svg import Attributes, chart, element, percent, tip
from lmloop.report.units import measure, number, share

CANVAS = 1000  # the inner drawing's own width and height, scaled to the plot area
MOST_POINTS = 800
MOST_TIPS = 120


def histogram(block: Histogram) -> str:
    """Bars over shared bins; a second series is drawn in front of the first."""
    x = fitted(block)
    counts = [value for series in block.series for value in series.values]
    y = fit(counts, Scale(0, 1, name=block.y_name), zero=True, rounded=True)
    marks = [bar for place, series in enumerate(block.series) for bar in _bars(block, place, series, (x, y))]
    return chart(x, y, block.thresholds, marks + _bin_tips(block, x))


def fitted(block: Histogram) -> Scale:
    """The x axis of a histogram."""
    edges = block.edges
    # A logarithmic axis has no place for zero: the first bin is drawn half as wide as the next edge instead.
    below = [edges[1] / 2] if block.x_log and len(edges) > 1 and edges[0] <= 0 < edges[1] else []
    return fit([*edges, *below], Scale(0, 1, block.x_log, block.x_name, block.unit), zero=False, rounded=False)


def shades(count: int) -> list[str]:
    """A colour for each series; of a pair, the first (before) steps back behind the second (after)."""
    return ["behind", "s0"] if count == 2 else [f"s{place % 6}" for place in range(count)]


def _bins(edges: Sequence[float], x: Scale) -> Iterator[Attributes]:
    for left, right in pairwise(edges):
        yield {"x": percent(x.at(left)), "width": percent(x.at(right) - x.at(left))}


def _bars(block: Histogram, place: int, series: Series, axes: tuple[Scale, Scale]) -> list[str]:
    x, y = axes
    shade = shades(len(block.series))[place]
    bars = []
    for across, value in zip(_bins(block.edges, x), series.values, strict=False):
        if value:
            high = y.at(value)
            along = {"y": percent(100 - high), "height": percent(high)}
            bars.append(element("rect", {"class": f"bin {shade}", **across, **along}))
    return bars


def _bin_tips(block: Histogram, x: Scale) -> list[str]:
    parts = []
    for place, across in enumerate(_bins(block.edges, x)):
        left, right = block.edges[place], block.edges[place + 1]
        lines = [f"{number(left)} to {measure(right, block.unit)}"]
        if block.unit in ("B", "bytes", "s", "seconds"):
            lines = [f"{measure(left, block.unit)} to {measure(right, block.unit)}"]
        for series in block.series:
            value = series.values[place] if place < len(series.values) else None
            whole = sum(item or 0 for item in series.values)
            lines.append(f"{series.name}: {number(value)} {block.y_name} ({share(value or 0, whole)})")
        parts.append(element("rect", {"class": "hover", **across, "y": 0, "height": "100%"}, tip(lines)))
    return parts


def curve(block: Curve) -> str:
    """Lines, with a pale band for each interval and a dot at each end; or dots, with a bar for each interval."""
    across = [value for line in block.lines for value in line.x]
    along = [value for line in block.lines for part in (line.y, line.lower, line.upper) for value in part]
    x = fit(across, Scale(0, 1, block.x_log, block.x_name), zero=False, rounded=False)
    y = fit(along, Scale(0, 1, block.y_log, block.y_name), zero=False, rounded=True)
    paths = [path for place, line in enumerate(block.lines) if not line.dots for path in _paths(place, line, x, y)]
    stretched = {"viewBox": f"0 0 {CANVAS} {CANVAS}", "preserveAspectRatio": "none"}
    drawing = element("svg", {**stretched, "width": "100%", "height": "100%", "class": "canvas"}, *paths)
    ends = [dot for place, line in enumerate(block.lines) if not line.dots for dot in _end(place, line, x, y)]
    dots = [dot for place, line in enumerate(block.lines) if line.dots for dot in _dots(block, place, x, y)]
    return chart(x, y, (), [drawing, *ends, *_point_tips(block, x), *dots])


def _paths(place: int, line: Line, x: Scale, y: Scale) -> Iterator[str]:
    shade = f"s{place % 6}"
    if line.lower and line.upper:
        upper = _points(line.x, line.upper, x, y)
        lower = _points(line.x, line.lower, x, y)
        around = [*filter(None, upper), *reversed([*filter(None, lower)])]
        if around:
            yield element("path", {"class": f"band {shade}", "d": _path(around) + "Z"})
    yield element("path", {"class": f"line {shade}", "d": _path(_thin(_points(line.x, line.y, x, y)))})


def _points(
    across: Sequence[float], along: Sequence[float | None], x: Scale, y: Scale
) -> list[tuple[float, float] | None]:
    """Places on the canvas; None where there is nothing to draw."""
    points: list[tuple[float, float] | None] = []
    for left, value in zip(across, along, strict=False):
        if _drawable(left, x) and value is not None and _drawable(value, y):
            points.append((x.at(left) * CANVAS / 100, CANVAS - y.at(value) * CANVAS / 100))
        else:
            points.append(None)
    return points


def _drawable(value: float, scale: Scale) -> bool:
    return math.isfinite(value) and (value > 0 or not scale.log)


def _thin(points: list[tuple[float, float] | None]) -> list[tuple[float, float] | None]:
    """Fewer points that look the same: the lowest and highest of each stretch, so that no spike is lost."""
    if len(points) <= MOST_POINTS:
        return points
    stretch = math.ceil(2 * len(points) / MOST_POINTS)
    thinned: list[tuple[float, float] | None] = []
    for start in range(0, len(points), stretch):
        found = [point for point in points[start : start + stretch] if point]
        if not found:
            thinned.append(None)
            continue
        low, high = min(found, key=lambda point: point[1]), max(found, key=lambda point: point[1])
        thinned += sorted({low, high})
    return thinned


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """Path commands; a missing point lifts the pen."""
    commands, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        commands.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
        pen = "L"
    return "".join(commands)


def _end(place: int, line: Line, x: Scale, y: Scale) -> Iterator[str]:
    last = next((point for point in reversed(_points(line.x, line.y, x, y)) if point), None)
    if last:
        centre: Attributes = {
            "cx": percent(last[0] * 100 / CANVAS),
            "cy": percent(last[1] * 100 / CANVAS),
            "r": 3.5,
        }
        yield element("circle", {"class": f"dot s{place % 6}", **centre})


def _dots(block: Curve, place: int, x: Scale, y: Scale) -> Iterator[str]:
    """A dot for each point that stands for itself, above a bar where it has an interval."""
    line = block.lines[place]
    spots = _points(line.x, line.y, x, y)
    lower, upper = (_points(line.x, side, x, y) or [None] * len(spots) for side in (line.lower, line.upper))
    for number_of, (spot, low, high) in enumerate(zip(spots, lower, upper, strict=False)):
        if not spot:
            continue
        at, value = percent(spot[0] * 100 / CANVAS), line.y[number_of]
        if low and high:
            ends = {"y1": percent(low[1] * 100 / CANVAS), "y2": percent(high[1] * 100 / CANVAS)}
            yield element("line", {"class": f"reach s{place % 6}", "x1": at, "x2": at, **ends})
        told = [line.name, f"{block.x_name} {number(line.x[number_of])}".strip(), f"{block.y_name} {number(value)}"]
        centre: Attributes = {"cx": at, "cy": percent(spot[1] * 100 / CANVAS), "r": 3.5}
        yield element("circle", {"class": f"dot lone s{place % 6}", **centre}, tip(told))


def _point_tips(block: Curve, x: Scale) -> list[str]:
    """Invisible bands across the plot, each telling every line's value there."""
    lines_drawn = [line for line in block.lines if line.x and not line.dots]
    places = sorted({value for line in lines_drawn for value in line.x if _drawable(value, x)})
    places = places[:: math.ceil(len(places) / MOST_TIPS) or 1]
    parts = []
    for count, value in enumerate(places):
        left = (x.at(places[count - 1]) + x.at(value)) / 2 if count else 0
        right = (x.at(value) + x.at(places[count + 1])) / 2 if count + 1 < len(places) else 100
        lines = [f"{block.x_name} {number(value)}".strip()]
        lines += [f"{line.name}: {_read(line, value)}" for line in lines_drawn]
        band: Attributes = {
            "class": "hover",
            "x": percent(left),
            "width": percent(right - left),
            "y": 0,
            "height": "100%",
        }
        parts.append(element("rect", band, tip(lines)))
    return parts


def _read(line: Line, value: float) -> str:
    """The line's value at the point that is at or next after a place, with its interval."""
    place = min(bisect_left(line.x, value), len(line.x) - 1, len(line.y) - 1)
    text = number(line.y[place] if place >= 0 else None)
    if place < len(line.lower) and place < len(line.upper):
        text += f" ({number(line.lower[place])} to {number(line.upper[place])})"
    return text
