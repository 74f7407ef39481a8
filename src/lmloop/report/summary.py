"""The same blocks for a terminal: what one wants to know at the end of a run, in as few lines as will do."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lmloop.report import blocks
from lmloop.report.page import Section
from lmloop.report.prose import clean, ellipsis
from lmloop.report.units import MINUS, MISSING, duration, measure, number, pair, share

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

SPARKS = "▁▂▃▄▅▆▇█"
ROWS_SHOWN = 8
BARS_SHOWN = 6
REASONS_SHOWN = 6
CELL_WIDTH = 32


def show(console: "Console", sections: Sequence[Section], title: str = "") -> None:
    """Print a summary of the sections; colours and width are the console's own affair."""
    if title:
        console.print(_text(title, "bold"))
    for section in sections:
        console.print()
        console.print(_heading(section))
        for place, block in enumerate(section.blocks):
            around = section.blocks[max(place - 1, 0) : place + 1]
            if place == 0 or not all(isinstance(each, ONE_LINERS) for each in around):
                console.print()
            for part in DRAWINGS[blocks.kind_of(block)](block, console):
                console.print(part)


def _text(text: str, style: str = "") -> "Text":
    """Text that is never read as markup."""
    from rich.text import Text

    return Text(clean(text), style=style)


def _heading(section: Section) -> "Text":
    took = duration(section.seconds) if section.seconds is not None else ""
    use = section.use if section.use != section.name else ""
    rest = " · ".join(part for part in (use, took, section.folder) if part)
    return _text("").append(clean(section.name), style="bold cyan").append(clean(f"  {rest}"), style="dim")


def _grid(titles: Sequence[str], right: Sequence[int]) -> "Table":
    """An open table, indented; the columns numbered in `right` hold numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, header_style="dim", border_style="dim", show_header=any(titles), show_edge=False)
    for place, title in enumerate(titles):
        in_full = place in right
        table.add_column(_text(title), justify="right" if in_full else "left", no_wrap=True, overflow="ellipsis")
    return table


def _bar(console: "Console", part: float, whole: float, width: int) -> str:
    """A bar of blocks, or of # where the terminal's encoding has none."""
    full, empty = ("█", "░") if "utf" in console.encoding.lower() else ("#", ".")
    filled = round(width * part / whole) if whole else 0
    filled = min(max(filled, 1 if part > 0 else 0), width)
    return full * filled + empty * (width - filled)


def _sparks(console: "Console", values: Sequence[float | None], width: int = 40) -> str:
    """The shape of a series in one line, or nothing where the terminal cannot show it."""
    found = [value for value in values if value is not None]
    if len(found) < 2 or "utf" not in console.encoding.lower():
        return ""
    count = min(width, len(found))
    cuts = [round(place * len(found) / count) for place in range(count + 1)]
    means = [sum(found[a:b]) / (b - a) for a, b in pairwise(cuts)]
    low, high = min(means), max(means)
    return "".join(SPARKS[round((mean - low) / (high - low or 1) * 7)] for mean in means)


def _numbers(block: blocks.Numbers, console: "Console") -> "list[RenderableType]":
    table = _grid(("", "", ""), (1,))
    for figure in block.figures:
        value = " ".join(filter(None, pair(figure.value, figure.unit)))
        table.add_row(_text(figure.label), _text(value, "bold"), _text(figure.caption, "dim"))
    return [_line(block.title), table]


def _funnel(block: blocks.Funnel, console: "Console") -> "list[RenderableType]":
    width = 28 if console.width >= 100 else 14
    table = _grid(("", "", "rows", "left", "dropped"), (2, 3, 4))
    first = block.stages[0].rows_in if block.stages else 0
    table.add_row(_text("in", "dim"), _text(_bar(console, first, first, width), "dim"), number(first))
    for stage in block.stages:
        lost = stage.rows_in - stage.rows_out
        table.add_row(
            _text(ellipsis(stage.name, 24)),
            _text(_bar(console, stage.rows_out, first, width), "cyan"),
            number(stage.rows_out),
            share(stage.rows_out, first),
            _text(f"{MINUS}{number(lost)}" if lost > 0 else MISSING, "red" if lost > 0 else "dim"),
        )
    return [_line(block.title), table, *_reasons(block, console, width)]


def _reasons(block: blocks.Funnel, console: "Console", width: int) -> "list[RenderableType]":
    """The reasons that dropped most, of all stages together."""
    drops = [(count, stage.name, reason) for stage in block.stages for reason, count in stage.drops.items()]
    drops.sort(key=lambda drop: (-drop[0], drop[1:]))
    total = sum(count for count, _, _ in drops)
    if not total:
        return []
    table = _grid(("", "", "rows", "share", "by"), (2, 3))
    for count, stage, reason in drops[:REASONS_SHOWN]:
        bar = _text(_bar(console, count, drops[0][0], width), "red")
        by = _text(ellipsis(stage, 18), "dim")
        table.add_row(_text(ellipsis(reason, 24)), bar, number(count), share(count, total), by)
    return [_text(""), _line("Why rows were dropped"), table]


def _bars(block: blocks.Bars, console: "Console") -> "list[RenderableType]":
    if not block.series:
        return []
    series = block.series[-1]
    most = max((value or 0 for value in series.values), default=0)
    width = 28 if console.width >= 100 else 14
    table = _grid(("", "", ""), (2,))
    pairs = list(zip(block.categories, series.values, strict=False))
    for category, value in pairs[:BARS_SHOWN]:
        bar = _text(_bar(console, value or 0, most, width), "cyan")
        table.add_row(_text(ellipsis(category, CELL_WIDTH)), bar, _text(measure(value, block.unit)))
    return [_line(block.title, series.name), table, *_more(len(pairs) - BARS_SHOWN)]


def _histogram(block: blocks.Histogram, console: "Console") -> "list[RenderableType]":
    reach = f"{number(block.edges[0])} to {measure(block.edges[-1], block.unit)}" if block.edges else ""
    table = _grid(("", ""), ())
    for series in block.series:
        shape = _text(_sparks(console, series.values), "cyan")
        table.add_row(_text(ellipsis(series.name, 24)), shape)
    return [_line(block.title, reach), table]


def _curve(block: blocks.Curve, console: "Console") -> "list[RenderableType]":
    table = _grid(("", "", "first", "last"), (2, 3))
    for line in block.lines:
        found = [value for value in line.y if value is not None]
        ends = (number(found[0]), number(found[-1])) if found else (MISSING, MISSING)
        shape = _text(_sparks(console, line.y, 30), "cyan")
        table.add_row(_text(ellipsis(line.name, 24)), shape, *ends)
    return [_line(block.title), table]


def _table(block: blocks.Table, console: "Console") -> "list[RenderableType]":
    numeric = [
        place
        for place in range(len(block.columns))
        if all(not isinstance(row[place], str | bool) for row in block.rows if place < len(row))
    ]
    table = _grid(block.columns, numeric)
    for row in block.rows[:ROWS_SHOWN]:
        table.add_row(*(_text(ellipsis(_cell(value), CELL_WIDTH)) for value in row[: len(block.columns)]))
    return [_line(block.title), table, *_more(len(block.rows) - ROWS_SHOWN)]


def _cell(value: blocks.Cell) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value.split()) if isinstance(value, str) else number(value)


def _examples(block: blocks.Examples, console: "Console") -> "list[RenderableType]":
    counts: dict[str, int] = {}
    for example in block.examples:
        counts[example.reason] = counts.get(example.reason, 0) + 1
    told = ", ".join(f"{reason} {count}" for reason, count in counts.items())
    return [_line(block.title, f"{len(block.examples)} in the page: {told}")]


def _drops(block: blocks.Drops, console: "Console") -> "list[RenderableType]":
    rows = sum(reason.count for reason in block.reasons)
    return [_line(block.title, f"{number(rows)} rows for {len(block.reasons)} reasons in the page, with texts")]


def _matrix(block: blocks.Matrix, console: "Console") -> "list[RenderableType]":
    table = _grid(("", "rows", "kept", *block.columns), range(1, len(block.columns) + 3))
    for group in block.groups[:ROWS_SHOWN]:
        lost = [share(each, group.rows) if each else MISSING for each in group.losses]
        name = _text(ellipsis(group.name, CELL_WIDTH))
        table.add_row(name, number(group.rows), share(group.kept, group.rows), *lost)
    return [_line(block.title), table, *_more(len(block.groups) - ROWS_SHOWN)]


def _heat(block: blocks.Heat, console: "Console") -> "list[RenderableType]":
    table = _grid((block.row_name, *block.columns), range(1, len(block.columns) + 1))
    for name, values in list(zip(block.rows, block.values, strict=False))[:ROWS_SHOWN]:
        told = [MISSING if value is None else number(round(value, 2)) for value in values]
        table.add_row(_text(ellipsis(name, CELL_WIDTH)), *told)
    return [_line(block.title), table, *_more(len(block.rows) - ROWS_SHOWN)]


def _clusters(block: blocks.Clusters, console: "Console") -> "list[RenderableType]":
    largest = max((cluster.size for cluster in block.clusters), default=0)
    return [_line(block.title, f"{len(block.clusters)} groups in the page, the largest of {number(largest)} texts")]


def _lineage(block: blocks.Lineage, console: "Console") -> "list[RenderableType]":
    steps = [node for node in block.nodes if node.use != "file"]
    made = sum(node.made for node in steps)
    files = len(block.nodes) - len(steps)
    told = f"{made} steps made, {len(steps) - made} kept from earlier, {files} input files"
    return [_line(block.title, told)]


def _passages(block: blocks.Text, console: "Console") -> "list[RenderableType]":
    first = " ".join(block.passages[0].text.split()) if block.passages else ""
    return [_line(block.title, ellipsis(first, max(20, console.width - len(block.title) - 6)))]


def _line(title: str, told: str = "") -> "Padding":
    from rich.padding import Padding

    line = _text("").append(clean(title), style="bold").append(clean(f"  {told}"), style="dim")
    return Padding(line, (0, 1))


def _more(count: int) -> "list[RenderableType]":
    return [_text(f" and {number(count)} more in the page", "dim")] if count > 0 else []


ONE_LINERS = (blocks.Drops, blocks.Examples, blocks.Clusters, blocks.Lineage, blocks.Text)

DRAWINGS: "Mapping[str, Callable[[Any, Console], list[RenderableType]]]" = {
    "numbers": _numbers,
    "funnel": _funnel,
    "histogram": _histogram,
    "bars": _bars,
    "curve": _curve,
    "table": _table,
    "matrix": _matrix,
    "heat": _heat,
    "drops": _drops,
    "examples": _examples,
    "clusters": _clusters,
    "lineage": _lineage,
    "text": _passages,
}
