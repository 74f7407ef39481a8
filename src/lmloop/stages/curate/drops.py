"""Every dropped row, to be looked through: by op and reason, with the number it was judged by, and its text."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import STATS
from lmloop.core.bounds import Bound, by_reason, numbers
from lmloop.core.dropped import find_deciders
from lmloop.core.engine.shards import DATA, DROPPED, read_columns
from lmloop.core.op import Op
from lmloop.report import blocks
from lmloop.report.masks import Masker
from lmloop.report.packed import pack
from lmloop.stages.curate.highlights import highlights
from lmloop.stages.curate.origins import names_of

MOST_ROWS = 200_000
"""A page carries so many rows in all: whole reasons where there is room, the others cut to the same number."""
TEXT_BUDGET = 4_000_000
MOST_TEXTS, LEAST_TEXTS = 500, 20
EXCERPT = 1200
IN_SIGHT, LINES_IN_SIGHT = 200, 3
BEFORE_MARK = 80
"""So much of a line is shown before the first place that is marked, where that is not in sight anyhow."""


@dataclass(slots=True)
class _Rows:
    """The rows of one op and reason, as far as the page carries them."""

    count: int = 0
    ids: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    texts: dict[int, tuple[str, str | None]] = field(default_factory=dict)


def drops(out: Path, ops: Sequence[Op], mask: Masker, counts: Mapping[tuple[str, str], int]) -> list[blocks.Block]:
    """Gather the dropped rows; ``counts`` says how many there are of each op and reason."""
    if not counts:
        return []
    deciders = find_deciders(out, [op.spec() for op in ops])
    gathered: dict[tuple[str, str], _Rows] = {}
    room = _room(counts.values())
    texts = min(max(TEXT_BUDGET // EXCERPT // len(counts), LEAST_TEXTS), MOST_TEXTS)
    for table in read_columns(out / DROPPED, None):
        for op, reason, mine in by_reason(table):
            rows = gathered.setdefault((op, reason), _Rows())
            _take(rows, mine, deciders.get((op, reason)), room, texts)
    _name_copies(out, ops, gathered)
    known = {op.name(): op for op in ops}
    reasons = tuple(_reason(pair, gathered[pair], deciders, known, mask) for pair in counts if pair in gathered)
    return [blocks.Drops("What was dropped, and why", reasons, _note(reasons))]


def _room(counts: Collection[int]) -> int:
    """Say how many rows of a reason are carried at most, so that all together fit."""
    left, reasons = MOST_ROWS, len(counts)
    for count in sorted(counts):
        if count * reasons > left:
            break
        left, reasons = left - count, reasons - 1
    return left // reasons if reasons else MOST_ROWS


def _take(rows: _Rows, mine: pa.Table, decider: Bound | None, room: int, texts: int) -> None:
    """Add rows to those of their reason, until there is no room."""
    rows.count += mine.num_rows
    mine = mine.slice(0, max(room - len(rows.ids), 0))
    start = len(rows.ids)
    rows.ids += mine.column("id").to_pylist()
    for by, column in (("source", rows.sources), ("language", rows.languages)):
        column += [name or "" for name in names_of(mine, by).to_pylist()]
    rows.values += numbers(mine, decider.column).tolist() if decider else [np.nan] * mine.num_rows
    rows.details += _details(mine)
    matches = _column(mine, "match")
    kept = np.flatnonzero(pc.is_valid(mine.column("text")).to_numpy())[: max(texts - len(rows.texts), 0)]
    for place, text in zip(kept.tolist(), mine.column("text").take(pa.array(kept)).to_pylist(), strict=True):
        rows.texts[start + place] = text, matches[place]


def _details(mine: pa.Table) -> list[str]:
    """Say of each row what more its op knows: where a match is from, or the number of its group of copies."""
    found = _column(mine, "source")
    clusters = _column(mine, "cluster")
    return [
        source or (f"#{cluster}" if cluster is not None else "")
        for source, cluster in zip(found, clusters, strict=True)
    ]


def _column(mine: pa.Table, statistic: str) -> list[Any]:
    name = f"{STATS}{mine.column('drop.op')[0].as_py()}.{statistic}" if mine.num_rows else ""
    return mine.column(name).to_pylist() if name in mine.schema.names else [None] * mine.num_rows


def _name_copies(out: Path, ops: Sequence[Op], gathered: Mapping[tuple[str, str], _Rows]) -> None:
    """Put the source of the row that was kept in the place of the number of a group of copies."""
    for op in dict.fromkeys(op.name() for op in ops):
        mine = [rows for (name, _), rows in gathered.items() if name == op]
        wanted = {int(detail[1:]) for rows in mine for detail in rows.details if detail.startswith("#")}
        if not wanted:
            continue
        firsts = _firsts(out, op, wanted)
        for rows in mine:
            rows.details = [
                f"copy of {firsts[int(detail[1:])]}" if detail.startswith("#") and int(detail[1:]) in firsts else ""
                for detail in rows.details
            ]


def _firsts(out: Path, op: str, wanted: set[int]) -> dict[int, str]:
    """Name the first row of each group: it was kept, or dropped by a later op."""
    column = f"{STATS}{op}.cluster"
    groups = pa.array(sorted(wanted), pa.uint64())
    found: dict[int, str] = {}
    for folder in (DATA, DROPPED):
        for table in read_columns(out / folder, ["id", "meta", "drop.op", column]):
            if column not in table.schema.names:
                continue
            chosen = pc.is_in(table.column(column), groups)
            if folder == DROPPED:
                chosen = pc.and_(chosen, pc.not_equal(table.column("drop.op"), op))
            mine = table.filter(chosen)
            names = names_of(mine, "source").to_pylist()
            for cluster, name, row in zip(
                mine.column(column).to_pylist(), names, mine.column("id").to_pylist(), strict=True
            ):
                found[cluster] = name or row
    return found


def _reason(
    pair: tuple[str, str], rows: _Rows, deciders: Mapping[tuple[str, str], Bound], known: Mapping[str, Op], mask: Masker
) -> blocks.Reason:
    op, reason = pair
    decider = deciders.get(pair)
    texts, spans = _shown(known.get(op), reason, rows, mask)
    packed = {
        "id": rows.ids,
        "source": _coded(rows.sources),
        "language": _coded(rows.languages),
        "detail": _coded(rows.details),
        "value": [None if np.isnan(value) else float(f"{value:.4g}") for value in rows.values],
        "text": texts,
        "spans": spans,
    }
    about = (decider.statistic.replace("_", " "), decider.value, decider.low) if decider else ("", None, False)
    return blocks.Reason(op, reason, rows.count, len(rows.ids), pack(packed), *about)


def _coded(values: Sequence[str]) -> list[list[Any]]:
    """Write names once each, and for every row the place of its own."""
    places = {name: place for place, name in enumerate(dict.fromkeys(values))}
    return [list(places), [places[value] for value in values]]


def _shown(op: Op | None, reason: str, rows: _Rows, mask: Masker) -> tuple[dict[str, str], dict[str, list[list[int]]]]:
    """Cut excerpts, masked, and mark in them what the rows were dropped for."""
    texts: dict[str, str] = {}
    spans: dict[str, list[list[int]]] = {}
    masked = mask([text for text, _ in rows.texts.values()])
    for (place, (_, match)), whole in zip(rows.texts.items(), masked, strict=True):
        text = whole.strip("\n")
        found = highlights(op, reason, text, match)
        start = _start(text, found)
        lead, end = ("… " if start else ""), start + EXCERPT
        texts[str(place)] = f"{lead}{text[start:end]}{' …' if len(text) > end else ''}"
        inside = [(max(span.start, start), min(span.end, end)) for span in found]
        if marks := [[a - start + len(lead), b - start + len(lead)] for a, b in inside if a < b]:
            spans[str(place)] = marks
    return texts, spans


def _start(text: str, found: Sequence[blocks.Span]) -> int:
    """Say where the excerpt begins, so that the first place that is marked is in it."""
    if not found or (found[0].start <= IN_SIGHT and text.count("\n", 0, found[0].start) <= LINES_IN_SIGHT):
        return 0
    first = found[0].start
    line = text.rfind("\n", 0, first) + 1
    return line if first - line <= BEFORE_MARK else first - BEFORE_MARK


def _note(reasons: Sequence[blocks.Reason]) -> str:
    rows, carried = (sum(getattr(reason, name) for reason in reasons) for name in ("count", "carried"))
    held = "all of them" if carried == rows else f"{carried:,} of them in this page"
    return f"{rows:,} rows, {held}; lmloop show RUN --dropped has every one, with its text"
