"""Spill files: how keyed rows travel from every shard to the part of the key space they belong to.

A shard writes one file with one batch a partition; the worker of a partition reads its batch from the file
of every shard. So there are as many files as shards, whatever the number of partitions.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from lmloop.core.draft import draft

PARTITION_BYTES = 32 << 20
"""About how much of the keyed rows one partition holds."""

MOST_PARTITIONS = 4096


def partitions(rows: int, bytes_a_row: int) -> int:
    """Say into how many partitions the keys of so many rows are cut: a worker holds one at a time."""
    return min(MOST_PARTITIONS, max(1, -(-rows * bytes_a_row // PARTITION_BYTES)))


def write_spill(path: Path, tables: Sequence[pa.Table], count: int) -> None:
    """Write the keyed rows of one shard, cut by key into ``count`` partitions."""
    table = pa.concat_tables(tables)
    keys = table.column("key").to_numpy()
    # the high bits: keys are hashes, so the parts are even, and each part is a range of keys
    part = ((keys >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)).astype(np.int64)
    order = np.argsort(part, kind="stable")
    bounds = np.searchsorted(part[order], np.arange(count + 1))
    table = table.take(pa.array(order)).combine_chunks()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with draft(path) as place, pa.ipc.new_file(str(place), table.schema, options=options) as file:
        for i in range(count):
            rows = table.slice(bounds[i], bounds[i + 1] - bounds[i]).combine_chunks()
            file.write_batch((rows.to_batches() or [pa.RecordBatch.from_pylist([], table.schema)])[0])


def read_parts(paths: Iterable[Path], number: int) -> list[pa.RecordBatch]:
    """Read one partition from the files of all shards."""
    return [next(read_spill(path, (number,))) for path in paths]


def read_spill(path: Path, numbers: Iterable[int]) -> Iterator[pa.RecordBatch]:
    """Read some partitions of the file of one shard, in the order given."""
    with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
        for number in numbers:
            yield reader.get_batch(number)


def in_order(parts: Sequence[pa.RecordBatch]) -> pa.Table:
    """Put the rows of one partition together, ordered by key and row."""
    return pa.Table.from_batches(parts).sort_by([("key", "ascending"), ("row", "ascending")])


def write_table(path: Path, table: pa.Table) -> None:
    """Write a whole table as Arrow IPC."""
    with draft(path) as place, pa.ipc.new_file(str(place), table.schema) as file:
        file.write_table(table)


def read_table(path: Path) -> pa.Table:
    """Read a whole table; its pages are mapped, not copied."""
    with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
        return reader.read_all()


def rows_between(table: pa.Table, first: int, last: int) -> pa.Table:
    """Cut out the rows whose number is from ``first`` to before ``last``; the table is ordered by ``row``."""
    numbers = table.column("row").to_numpy()
    start, stop = np.searchsorted(numbers, np.array([first, last], dtype=np.uint64))
    return table.slice(start, stop - start)
