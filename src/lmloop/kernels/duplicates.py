"""Which rows are copies of which: the phases that every deduplication shares, on Arrow tables."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lmloop.kernels.groups import Edges, connected_components, equal_keys
from lmloop.kernels.text import Hashes


def link(keyed: pa.Table, keys: tuple[str, ...] = ("key",)) -> pa.Table:
    """Link rows that agree in all of the columns ``keys``: a table ``left``, ``right`` of uint64 row numbers."""
    columns = [keyed.column(name).to_numpy() for name in keys]
    edges = equal_keys(np.stack(columns, axis=1), keyed.column("row").to_numpy())
    return pa.table({"left": edges.left, "right": edges.right})


def group(links: pa.Table) -> pa.Table:
    """Turn links into groups: a table ``row``, ``first`` (uint64) ordered by row, for every row with a link.

    ``first`` is the smallest row of the group, the one that stays.
    """
    left, right = links.column("left").to_numpy(), links.column("right").to_numpy()
    groups = connected_components(Edges(left, right))
    return pa.table({"row": groups.rows, "first": groups.representatives})


def judge(rows: Hashes, groups: pa.Table) -> tuple[npt.NDArray[np.uint8], pa.Array]:
    """Judge rows by their groups: 1 for each that is not the first of its group, and the group's first row.

    ``rows`` uint64 [rows]; ``groups`` holds at least the groups of these rows. A row without one has null.
    """
    known = groups.column("row").to_numpy()
    place = np.minimum(np.searchsorted(known, rows), max(len(known) - 1, 0))
    grouped = known[place] == rows if len(known) else np.zeros(len(rows), np.bool_)
    first = rows.copy()
    first[grouped] = groups.column("first").to_numpy()[place[grouped]]
    return (first != rows).astype(np.uint8), pa.array(first, mask=~grouped)
