"""Blocks: plain data that says what a person should see of a step.

A step may leave `blocks.json` in its folder. The page and the terminal summary both draw from it, so a step
says what it found once and knows nothing of HTML or SVG. Importing this module costs nothing but the standard
library, because every step may want it.

Numbers that are not finite (a loss that blew up) are written as null and drawn as a gap.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from lmloop.core.errors import DataError
from lmloop.report.plain import UnreadableError, decode, encode

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One headline figure. Units `B` and `s` are made human: 4.2 GB, 3 min 12 s."""

    label: str
    value: str | int | float | None
    unit: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Headline figures, drawn large and side by side."""

    title: str
    figures: tuple[Figure, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a funnel: what went in, what came out, and why the rest did not."""

    name: str
    rows_in: int
    rows_out: int
    bytes_in: int = 0
    bytes_out: int = 0
    drops: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Funnel:
    """Stages in the order that rows pass them."""

    title: str
    stages: tuple[Stage, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """Named values, one for each bin or category of the chart they are in."""

    name: str
    values: tuple[int | float | None, ...]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A mark on the x axis, such as the limit a filter drops at."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a histogram's rows that are of one group: `values` of each series, the share `beyond` a threshold."""

    name: str
    values: tuple[tuple[int, ...], ...]
    beyond: float | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A histogram's rows by group: by source, by language."""

    by: str
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts over shared bins: n + 1 `edges` for the n values of each series (one, or before and after)."""

    title: str
    edges: tuple[int | float, ...]
    series: tuple[Series, ...]
    x_name: str = ""
    y_name: str = "rows"
    unit: str = ""
    x_log: bool = False
    thresholds: tuple[Threshold, ...] = ()
    splits: tuple[Split, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Values by category: rows by source, bytes by language."""

    title: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Points of a curve, left to right; `lower` and `upper`, if given, are an interval around each point.

    With `dots` the points stand for themselves, such as single runs, in any order and joined by no line.
    """

    name: str
    x: tuple[int | float, ...]
    y: tuple[int | float | None, ...]
    lower: tuple[int | float | None, ...] = ()
    upper: tuple[int | float | None, ...] = ()
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines over shared axes: losses, learning rates, scores by size."""

    title: str
    lines: tuple[Line, ...]
    x_name: str = ""
    y_name: str = ""
    x_log: bool = False
    y_log: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under named columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive) of a text, to highlight."""

    start: int
    end: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A text that was dropped (or kept), with the reason, who decided, and on what numbers."""

    reason: str
    text: str
    op: str = ""
    id: str = ""
    source: str = ""
    stats: dict[str, int | float | None] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts to look at, grouped by reason."""

    title: str
    examples: tuple[Example, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One text of a cluster; `similarity` is to the kept one, from 0 to 1."""

    id: str
    text: str
    source: str = ""
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A group of `size` near duplicates: some `members` to show, and the id of the one that was `kept`."""

    kept: str
    size: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Clusters:
    """Groups of near duplicates, with what differs between the kept text and the dropped ones."""

    title: str
    clusters: tuple[Cluster, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """What a group of rows (a source, a language) lost: `losses` by column of its matrix, `why` in words for each."""

    name: str
    rows: int
    kept: int
    losses: tuple[int, ...]
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matrix:
    """Which groups of rows lost how much to which `columns` (ops)."""

    title: str
    columns: tuple[str, ...]
    groups: tuple[Lost, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Heat:
    """A value for each pair of a row and a column, coloured by its size: how much each task uses each expert, say."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[int | float | None, ...], ...]
    row_name: str = ""
    column_name: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """The rows that one op dropped for one reason.

    `statistic` went beyond `bound` (below it where it is `low`), if it is known which did. `rows` holds the first
    `carried` of them, packed (`packed.py`): columns of one length, and texts by place.
    """

    op: str
    reason: str
    count: int
    carried: int
    rows: str
    statistic: str = ""
    bound: float | None = None
    low: bool = False


@dataclass(frozen=True, slots=True)
class Drops:
    """Every dropped row, to be looked through by op and reason."""

    title: str
    reasons: tuple[Reason, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """One step, or one input file (`use="file"`); `made` is false where an earlier run was kept."""

    id: str
    use: str
    folder: str = ""
    key: str = ""
    parents: tuple[str, ...] = ()
    seconds: float | None = None
    rows: int | None = None
    made: bool = True


@dataclass(frozen=True, slots=True)
class Lineage:
    """What came from what, down to the input files. `parents` are ids of other nodes."""

    title: str
    nodes: tuple[Node, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of running text, or of code."""

    text: str
    label: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """Passages to read, such as samples of a model."""

    title: str
    passages: tuple[Passage, ...]
    note: str = ""


Block = (
    Numbers | Funnel | Histogram | Bars | Curve | Table | Matrix | Heat | Drops | Examples | Clusters | Lineage | Text
)

KINDS: Mapping[str, type[Block]] = {kind.__name__.lower(): kind for kind in get_args(Block)}


def kind_of(block: Block) -> str:
    """The name a block goes by in `blocks.json` and in the page."""
    return type(block).__name__.lower()


def write(path: Path, blocks: Sequence[Block]) -> None:
    """Write blocks to a file; the same blocks always give the same bytes."""
    rows = [{"block": kind_of(block), **encode(block)} for block in blocks]
    text = json.dumps(rows, ensure_ascii=False, allow_nan=False, indent=1)
    path.write_bytes((text + "\n").encode())


def read(path: Path) -> tuple[Block, ...]:
    """Read the blocks of a file, checking every field."""
    hint = "the file may come from another version of lmloop; run the step again"
    try:
        rows = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path}: not a blocks file: {error}", hint=hint) from error
    if not isinstance(rows, list):
        raise DataError(f"{path}: not a blocks file: expected a list of blocks", hint=hint)
    try:
        return tuple(_block(f"block {place}", row) for place, row in enumerate(rows, start=1))
    except UnreadableError as error:
        raise DataError(f"{path}: {error}", hint=hint) from error


def _block(place: str, row: Any) -> Block:
    if not isinstance(row, dict) or not isinstance(row.get("block"), str):
        raise UnreadableError(f"{place}: expected an object with a 'block' name")
    fields = dict(row)
    name = fields.pop("block")
    if name not in KINDS:
        raise UnreadableError(f"{place}: unknown block type {name!r} (known: {', '.join(sorted(KINDS))})")
    block: Block = decode(KINDS[name], fields, f"{place} ({name})")
    return block
