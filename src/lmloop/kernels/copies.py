"""Documents that are copies of each other: the phases that every deduplication of documents shares."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import AfterValidator, Field

from lmloop.core.batch import Batch, meta_values
from lmloop.core.op import Barrier, Numbers, Verdict
from lmloop.kernels.groups import Edges, connected_components, equal_keys
from lmloop.kernels.text import Hashes, code_points, text_buffer

LAST = np.uint64(0xFFFFFFFFFFFFFFFF)


def _keeps(name: str) -> str:
    how, _, key = name.partition(":")
    if (how in ("first", "longest", "shortest") and name == how) or (how in ("highest", "lowest") and key):
        return name
    raise ValueError(f"cannot keep {name!r}; it is first, longest, shortest, highest:KEY or lowest:KEY")


Keep = Annotated[str, AfterValidator(_keeps)]
KEPT = (
    "which of a group stays: the first of the corpus; the longest or shortest; the one with the highest:KEY or "
    "lowest:KEY, a number in the record's meta (rows without one come last); of equals the first"
)


class Copies(Barrier):
    """An op that groups documents by common keys and keeps one of each group: what it keys by is all it must say.

    A keyed table may have a column ``check`` (uint64): a key is then 128 bits.
    """

    keep: Keep = Field("first", description=KEPT)

    def reduce(self, keyed: pa.Table) -> pa.Table:
        """Link the rows with one key."""
        return link(keyed)

    def settle(self, found: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Find the groups, and the row of each that stays."""
        return grouped(found)

    def judge(self, batch: Batch, numbers: Numbers, decisions: pa.Table) -> Verdict:
        """Drop every row that is not the one of its group to stay."""
        codes, stats = judged(numbers, decisions)
        return Verdict(codes, stats)


def content_keys(hashes: Hashes, numbers: Numbers, rank: Hashes | None, some: npt.NDArray[np.bool_]) -> pa.Table:
    """Key rows by 128 bits: ``hashes`` uint64 [rows, 2], ``rank`` uint64 [rows] or None, of ``some`` bool [rows]."""
    columns = {"key": hashes[some, 0], "check": hashes[some, 1], "row": numbers[some]}
    return pa.table(columns if rank is None else columns | {"rank": rank[some]})


def band_keys(keys: Hashes, numbers: Numbers, rank: Hashes | None, some: npt.NDArray[np.bool_]) -> pa.Table:
    """Key rows by each of several numbers: ``keys`` uint64 [rows, keys], the others as in :func:`content_keys`."""
    count = keys.shape[1]
    columns = {"key": keys[some].ravel(), "row": np.repeat(numbers[some], count)}
    return pa.table(columns if rank is None else columns | {"rank": np.repeat(rank[some], count)})


def ranks(batch: Batch, keep: str) -> Hashes | None:
    """Rank rows by what is to be kept, the least first: uint64 [rows]; None for the order of the corpus.

    A row whose meta has no number under the key comes last.
    """
    how, _, key = keep.partition(":")
    if how == "first":
        return None
    if how in ("longest", "shortest"):
        values = code_points(text_buffer(batch.column("text"))).astype(np.float64)
    else:
        values = np.array([_number(value) for value in meta_values(batch, key)], np.float64)
    values = np.where(values == 0, 0.0, -values if how in ("longest", "highest") else values)
    bits = values.view(np.uint64)
    negative = bits >> np.uint64(63) > 0
    ordered = np.where(negative, ~bits, bits | np.uint64(1 << 63))  # floats in order, as numbers in order
    return np.where(np.isnan(values), LAST, ordered)


def link(keyed: pa.Table) -> pa.Table:
    """Link rows of one key: a table ``left``, ``right`` of uint64 row numbers, and of their ranks if they have some."""
    names = [name for name in ("key", "check") if name in keyed.column_names]
    keys = np.stack([keyed.column(name).to_numpy() for name in names], axis=1)
    rank = keyed.column("rank").to_numpy() if "rank" in keyed.column_names else None
    return edge_table(equal_keys(keys, keyed.column("row").to_numpy(), rank))


def edge_table(edges: Edges) -> pa.Table:
    """Write links as a table."""
    return pa.table({name: column for name, column in edges._asdict().items() if column is not None})


def grouped(found: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Turn links into groups: tables ``row``, ``kept``, ``size``, ordered by row, for every row with a link."""
    for groups in connected_components(_Links(found)):
        yield pa.table({"row": groups.rows, "kept": groups.kept, "size": groups.size})


def judged(rows: Numbers, groups: pa.Table) -> tuple[npt.NDArray[np.uint8], dict[str, pa.Array]]:
    """Judge rows by their groups: 1 for each that does not stay, and as statistics the ``cluster`` and its size.

    ``rows`` uint64 [rows], ascending; ``groups`` holds the groups of these rows. A cluster is known by the row that
    stays; a row without a group has null.
    """
    kept, size = rows.copy(), np.zeros(len(rows), np.int32)
    place = np.searchsorted(rows, groups.column("row").to_numpy())
    kept[place], size[place] = groups.column("kept").to_numpy(), groups.column("size").to_numpy()
    alone = size == 0
    stats = {"cluster": pa.array(kept, mask=alone), "cluster_size": pa.array(size, mask=alone)}
    return (kept != rows).astype(np.uint8), stats


class _Links:
    """Links as often as they are asked for."""

    def __init__(self, found: Iterable[pa.Table]) -> None:
        self.found = found

    def __iter__(self) -> Iterator[Edges]:
        for table in self.found:
            columns = {name: table.column(name).to_numpy() for name in table.column_names}
            yield Edges(**columns)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
