"""SVG written by hand: escaped elements, and the frame (grid, axes, thresholds) that charts are drawn in.

A chart stretches to any width without stretching its letters: places are percentages of the plot area, and
only the lines of a curve live in an inner drawing that is scaled. Labels hang outside of the plot area, in
the padding that `.plot` gives.
"""

from collections.abc import Mapping, Sequence
from html import escape

from lmloop.report.blocks import Threshold
from lmloop.report.prose import clean
from lmloop.report.scale import Scale

LEVEL = 18  # pixels between the labels of two thresholds

Attributes = Mapping[str, str | float]

NONE: Attributes = {}


def element(name: str, attributes: Attributes = NONE, *inside: str) -> str:
    """One element; attributes are escaped here, `inside` is markup already."""
    written = "".join(f' {key}="{_attribute(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(inside)}</{name}>"


def letters(text: str) -> str:
    """Text as markup: cleaned and escaped."""
    return escape(clean(text))


def words(text: str, attributes: Attributes) -> str:
    """A text element."""
    return element("text", attributes, letters(text))


def tip(lines: Sequence[str]) -> str:
    """A tooltip: a title that the page's script turns into a better one."""
    return element("title", NONE, letters("\n".join(lines)))


def percent(value: float) -> str:
    """A place along an axis, with no more digits than a screen can show."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + "%"


def chart(x: Scale, y: Scale, thresholds: Sequence[Threshold], marks: Sequence[str]) -> str:
    """A whole chart: grid and axes below the marks, thresholds above them."""
    described: Attributes = {"class": "chart", "role": "img", "aria-label": f"{y.name} by {x.name}"}
    inside = [*_grid(y), *marks, *_axis(x), *_thresholds(x, thresholds)]
    top = 10 + LEVEL * len(_inside(x, thresholds))
    left = 14 + 6.4 * max((len(label) for _, label in y.ticks()), default=0)
    style = f"padding-top:{top}px;padding-left:{left:.0f}px"
    return element("div", {"class": "plot", "style": style}, element("svg", described, *inside))


def _grid(y: Scale) -> list[str]:
    parts = []
    for place, label in y.ticks():
        height = percent(100 - place)
        parts.append(element("line", {"class": "grid", "x1": 0, "x2": "100%", "y1": height, "y2": height}))
        parts.append(words(label, {"class": "tick", "x": -8, "y": height, "dy": "0.33em", "text-anchor": "end"}))
    return parts


def _axis(x: Scale) -> list[str]:
    parts = [element("line", {"class": "axis", "x1": 0, "x2": "100%", "y1": "100%", "y2": "100%"})]
    for count, (place, label) in enumerate(x.ticks()):
        # Every other label gives way on a narrow screen.
        name = "tick every-other" if count % 2 else "tick"
        at = percent(place)
        place_below: Attributes = {"class": name, "x": at, "y": "100%", "dy": 20, "text-anchor": "middle"}
        parts.append(words(label, place_below))
    parts.append(words(x.name, {"class": "axis-name", "x": "100%", "y": "100%", "dy": 40, "text-anchor": "end"}))
    return parts


def _inside(x: Scale, thresholds: Sequence[Threshold]) -> list[Threshold]:
    """The thresholds that the axis reaches; a mark pushed to its end would say something false."""
    inside = [mark for mark in thresholds if x.low <= mark.value <= x.high]
    # The outer marks are labelled higher, so that no label runs into the line of another mark.
    return sorted(inside, key=lambda mark: abs(x.at(mark.value) - 50))


def _thresholds(x: Scale, thresholds: Sequence[Threshold]) -> list[str]:
    parts = []
    for level, mark in enumerate(_inside(x, thresholds)):
        place = x.at(mark.value)
        height = -6 - LEVEL * level
        line: Attributes = {
            "class": "threshold",
            "x1": percent(place),
            "x2": percent(place),
            "y1": height - 4,
            "y2": "100%",
        }
        side: Attributes = {"text-anchor": "end", "dx": -6} if place > 50 else {"text-anchor": "start", "dx": 6}
        label: Attributes = {"class": "threshold-name", "x": percent(place), "y": height, **side}
        # A pale line below the dashed one keeps it legible in front of a dark bar.
        under: Attributes = {**line, "class": "threshold-under"}
        parts += [element("line", under), element("line", line), words(mark.label, label)]
    return parts


def _attribute(value: str | float) -> str:
    return letters(value) if isinstance(value, str) else f"{value:g}"
