"""Dropped rows, chosen and ordered, each with the number it was judged by and the bound it crossed."""

import fnmatch
import heapq
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import STATS
from lmloop.core.bounds import Bound, Deciders, Floats, bounds_of, by_reason, numbers
from lmloop.core.engine.shards import DATA, DROPPED, list_columns, read_columns
from lmloop.core.errors import DataError, closest
from lmloop.core.op import DROP_OP, DROP_REASON

DROP_STATISTIC, DROP_VALUE, DROP_BOUND = "drop.statistic", "drop.value", "drop.bound"
SOURCE = r'"source":"(?P<source>(?:[^"\\]|\\.)*)"'

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dropped rows: by op, reason, source (part of a name, or a pattern) and text (a regular expression).

    ``near`` asks for those that lie within that share of the bound they crossed, the nearest first. ``sort`` names a
    statistic to order by: the smallest first, or the largest with a "-" before it. ``count`` is how many (None: all).
    """

    op: str | None = None
    reason: str | None = None
    source: str | None = None
    grep: str | None = None
    near: float | None = None
    sort: str | None = None
    count: int | None = 10


def find(folder: Path, ops: Sequence[Mapping[str, Any]], choice: Choice) -> Iterator[Row]:
    """Give dropped rows of a run, ``ops`` being the settings of its chain.

    Rows are not ordered but that those whose text was kept come first, unless ``sort`` or ``near`` says otherwise.

    Raises:
        DataError: nothing was dropped, or not by this op, for this reason or on this statistic.
    """
    if not (folder / DROPPED).is_dir():
        raise DataError(f"{folder.name} dropped nothing", hint="only steps that filter have a folder called dropped")
    chosen = _chosen(folder, choice)
    deciders = find_deciders(folder, ops)
    tables = (with_bounds(table, deciders) for table in chosen)
    if choice.near is not None:
        near = choice.near
        found = _first(tables, choice.count, lambda table: _distances(table, deciders), most=near)
    elif choice.sort is not None:
        column, sign = _sort_column(folder, choice.sort), -1.0 if choice.sort.startswith("-") else 1.0
        found = _first(tables, choice.count, lambda table: sign * _numbers_or_nan(table, column))
    else:
        found = _texts_first((row for table in tables for row in table.to_pylist()), choice.count)
    return found


def find_deciders(folder: Path, ops: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Bound]:
    """Find which bound each op's reasons stand for in a finished run."""
    columns = [name for name in list_columns(folder / DROPPED) if name.startswith(STATS)]
    known = bounds_of(ops, columns)
    deciders = Deciders(known)
    wanted = [bound.column for found in known.values() for bound in found]
    for table in read_columns(folder / DROPPED, [DROP_OP, DROP_REASON, *wanted]):
        deciders.look(table)
    return deciders.found()


def with_bounds(table: pa.Table, deciders: Mapping[tuple[str, str], Bound]) -> pa.Table:
    """Add what decided about each row: the statistic, its value and the bound."""
    count = table.num_rows
    statistic: list[str | None] = [None] * count
    value, bound = np.full(count, np.nan), np.full(count, np.nan)
    table = table.append_column("place", pa.array(np.arange(count)))
    for op, reason, mine in by_reason(table):
        decider = deciders.get((op, reason))
        if decider is None:
            continue
        places = mine.column("place").to_numpy()
        value[places], bound[places] = numbers(mine, decider.column), decider.value
        for place in places.tolist():
            statistic[place] = decider.statistic
    table = table.drop_columns(["place"]).append_column(DROP_STATISTIC, pa.array(statistic, pa.string()))
    for name, column in ((DROP_VALUE, value), (DROP_BOUND, bound)):
        table = table.append_column(name, pa.array(column, from_pandas=True))
    return table


def originals(folders: Sequence[Path], ids: Sequence[str]) -> dict[str, str]:
    """Look up the texts of rows in the artifacts that a run was made from, by id."""
    wanted = pa.array(sorted(set(ids)), pa.string())
    found: dict[str, str] = {}
    for folder in folders:
        for table in read_columns(folder / DATA, ["id", "text"]) if len(wanted) else ():
            mine = table.filter(pc.is_in(table.column("id"), wanted))
            found.update(zip(mine.column("id").to_pylist(), mine.column("text").to_pylist(), strict=True))
    return found


def _chosen(folder: Path, choice: Choice) -> Iterator[pa.Table]:
    _check_known(folder, choice)
    try:
        grep = re.compile(choice.grep) if choice.grep is not None else None
    except re.error as bad:
        raise DataError(f"{choice.grep!r} is no regular expression: {bad}") from None
    return (_filtered(table, choice, grep) for table in read_columns(folder / DROPPED, None))


def _filtered(table: pa.Table, choice: Choice, grep: re.Pattern[str] | None) -> pa.Table:
    for column, wanted in ((DROP_OP, choice.op), (DROP_REASON, choice.reason)):
        if wanted is not None:
            table = table.filter(pc.equal(table.column(column), wanted))
    if choice.source is not None:
        pattern = choice.source if any(letter in choice.source for letter in "*?[") else f"*{choice.source}*"
        names = pc.struct_field(pc.extract_regex(table.column("meta"), SOURCE), "source").to_pylist()
        table = table.filter(pa.array([name is not None and fnmatch.fnmatchcase(name, pattern) for name in names]))
    if grep is not None:
        texts = table.column("text").to_pylist()
        table = table.filter(pa.array([text is not None and bool(grep.search(text)) for text in texts], pa.bool_()))
    return table


def _check_known(folder: Path, choice: Choice) -> None:
    """Say which ops and reasons there are where one is asked for that is not there."""
    for column, wanted, what in ((DROP_OP, choice.op, "op"), (DROP_REASON, choice.reason, "reason")):
        if wanted is None:
            continue
        known: set[str] = set()
        for table in read_columns(folder / DROPPED, [column]):
            known.update(table.column(0).unique().to_pylist())
        if wanted not in known:
            raise DataError(f"no row was dropped by {what} {wanted!r}", hint=closest(wanted, known))


def _sort_column(folder: Path, name: str) -> str:
    """Find the column that a statistic's name means: ``words``, ``gopher-quality.words``, or ``value``."""
    wanted = name.removeprefix("-")
    if wanted == "value":
        return DROP_VALUE
    columns = [column.removeprefix(STATS) for column in list_columns(folder / DROPPED) if column.startswith(STATS)]
    fitting = [column for column in columns if wanted in (column, column.partition(".")[2])]
    if not fitting:
        known = {"value", *(column.partition(".")[2] for column in columns)}
        raise DataError(f"no op kept a statistic {wanted!r}", hint=closest(wanted, known))
    if len(fitting) > 1:
        raise DataError(f"several ops kept a statistic {wanted!r}", hint=f"say which: {', '.join(fitting)}")
    return f"{STATS}{fitting[0]}"


def _distances(table: pa.Table, deciders: Mapping[tuple[str, str], Bound]) -> Floats:
    value, bound = (numbers(table, name) for name in (DROP_VALUE, DROP_BOUND))
    distance: Floats = np.abs(value - bound) / np.where(bound == 0, 1.0, np.abs(bound))
    return distance


def _numbers_or_nan(table: pa.Table, column: str) -> Floats:
    known = column in table.schema.names and not pa.types.is_string(table.schema.field(column).type)
    return numbers(table, column) if known else np.full(table.num_rows, np.nan)


def _first(
    tables: Iterator[pa.Table], count: int | None, key: Callable[[pa.Table], Floats], most: float = np.inf
) -> Iterator[Row]:
    """Give the rows with the smallest keys, those without a key left out; holds no more than it gives."""
    kept: list[tuple[float, int, Row]] = []
    place = 0
    for table in tables:
        keys = key(table)
        good = np.flatnonzero(~np.isnan(keys) & (keys <= most))
        good = good[np.argsort(keys[good], kind="stable")][:count]
        rows = table.take(pa.array(good)).to_pylist()
        kept += [(keys[where], place + i, row) for i, (where, row) in enumerate(zip(good.tolist(), rows, strict=True))]
        place += len(rows)
        kept = sorted(kept, key=lambda item: item[:2]) if count is None else heapq.nsmallest(count, kept)
    yield from (row for _, _, row in kept)


def _texts_first(rows: Iterator[Row], count: int | None) -> Iterator[Row]:
    later: list[Row] = []
    given = 0
    for row in rows:
        if count is not None and given == count:
            return
        if row.get("text") is not None:
            given += 1
            yield row
        elif count is None or len(later) < count:
            later.append(row)
    yield from later if count is None else later[: count - given]
