"""Windows of pieces that come more than once in a corpus: their keys, the copies, and the pieces those cover."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lmloop.kernels.pieces import Pieces
from lmloop.kernels.text import Hashes, Integers

SLICE = 1 << 20
ODD = np.uint64(0x9E3779B97F4A7C15)


def window_keys(
    hashes: Hashes, lengths: Integers, pieces: Pieces, n: int, shortest: int
) -> tuple[Hashes, Integers, Integers]:
    """Key every window of ``n`` pieces of one document that has at least ``shortest`` code points.

    Gives the keys uint64 [windows, 2], each window's document, and the place of its first piece there.
    """
    count = len(lengths) - n + 1
    if count <= 0:
        nothing = np.empty(0, np.int64)
        return np.empty((0, 2), np.uint64), nothing, nothing
    keys, size = np.zeros((count, 2), np.uint64), np.zeros(count, np.int64)
    for k in range(n):
        keys = (keys ^ hashes[k : k + count]) * ODD
        keys ^= keys >> np.uint64(29)
        size += lengths[k : k + count]
    document = np.repeat(np.arange(len(pieces.first) - 1), np.diff(pieces.first))
    whole = (document[:count] == document[n - 1 :]) & (size >= shortest)
    documents = document[:count][whole]
    return keys[whole], documents, np.flatnonzero(whole) - pieces.first[documents]


def copies(keyed: pa.Table, least: int) -> pa.Table:
    """Find the windows that have stood before and come at least ``least`` times: ``row``, ``place``, in order."""
    names = ("key", "check", "row", "place")
    key, check, row, place = (keyed.column(name).to_numpy() for name in names)
    order = np.lexsort((place, row, check, key))
    key, check, row, place = key[order], check[order], row[order], place[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (key[1:] != key[:-1]) | (check[1:] != check[:-1])
    group = np.cumsum(fresh) - 1
    many = np.bincount(group, minlength=1)[group] >= least if len(group) else fresh
    again = ~fresh & many
    return by_row({"row": row[again], "place": place[again]})


def by_row(columns: Mapping[str, npt.NDArray[Any]]) -> pa.Table:
    """Make a table ordered by its column ``row`` and, where it has one, ``place``."""
    order = np.lexsort([columns[name] for name in ("place", "row") if name in columns])
    return pa.table({name: column[order] for name, column in columns.items()})


def merged(found: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Merge tables that are each ordered by row (and place): about :data:`SLICE` rows at a time are in memory."""
    last = [int(table.column("row")[-1].as_py()) for table in found if table.num_rows]
    total = sum(table.num_rows for table in found)
    edges = _edges(found, -(-total // SLICE)) if total else []
    start = 0
    for stop in [*edges, max(last, default=0) + 1]:
        bounds = np.array([start, stop], np.uint64)
        yield _ordered(pa.concat_tables(_between(table, bounds) for table in found))
        start = stop


def _edges(found: Iterable[pa.Table], parts: int) -> list[int]:
    """Choose rows that cut what was found into about even parts, by some rows of each table."""
    some = [table.column("row").to_numpy()[:: max(1, table.num_rows // 256)] for table in found]
    rows = np.sort(np.concatenate(some))
    places = np.arange(1, parts) * len(rows) // parts
    return [int(row) for row in np.unique(rows[places])]


def _between(table: pa.Table, bounds: Hashes) -> pa.Table:
    first, last = np.searchsorted(table.column("row").to_numpy(), bounds)
    return table.slice(first, last - first)


def _ordered(table: pa.Table) -> pa.Table:
    return by_row({name: table.column(name).to_numpy() for name in table.column_names})


def covered(pieces: Pieces, numbers: Hashes, found: pa.Table, n: int) -> npt.NDArray[np.bool_]:
    """Say which pieces lie in a window that was found, of rows ``numbers`` (ascending): bool [pieces]."""
    document = np.searchsorted(numbers, found.column("row").to_numpy())
    start = pieces.first[document] + found.column("place").to_numpy().astype(np.int64)
    marks = np.zeros(len(pieces.start), np.bool_)
    for k in range(n):
        marks[start + k] = True
    return marks
