"""Spill files: how keyed rows travel from every shard to the part of the key space they belong to.

A shard writes one file: runs of one batch a partition. The worker of some neighbouring partitions reads their batches
from the file of every shard. So there are as many files as shards, whatever the number of partitions; and how many
partitions are read at a time is a matter of memory only.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from lmloop.core.draft import draft
from lmloop.core.op import KEY_ORDER

PARTITION_BYTES = 2 << 20
"""About how much stored text the keys of one partition come from."""

MOST_PARTITIONS = 4096
RUN_BYTES = 64 << 20
"""So much of a shard's keyed rows is cut at a time."""

WORKER_BYTES = 200 << 20
"""What a worker takes before it reads a single row: the interpreter, Arrow, compiled kernels."""

COPIES = 8
"""How many times over a part's keyed rows are in memory while it is sorted and looked at."""


def partitions(rows: int, size: int) -> int:
    """Say into how many partitions the keys of so many rows, ``size`` bytes on disk, are cut; no setting changes it."""
    return min(MOST_PARTITIONS, max(1, -(-max(size, 256 * rows) // PARTITION_BYTES)))


def at_a_time(count: int, key_bytes: int, memory: int) -> int:
    """Say how many of ``count`` partitions a worker that may use ``memory`` bytes takes at a time."""
    room = max(memory - WORKER_BYTES, memory // 4) // COPIES
    return max(1, min(count, room * count // max(key_bytes, 1)))


def write_spill(path: Path, tables: Iterable[pa.Table], count: int) -> int:
    """Write the keyed rows of one shard, cut by key into ``count`` partitions; gives their bytes in memory."""
    total = 0
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with draft(path) as place:
        file = None
        for table in _runs(tables):
            file = file or pa.ipc.new_file(str(place), table.schema, options=options)
            total += table.nbytes
            for part in _cut(table, count):
                file.write_batch(part)
        assert file is not None, "a shard has at least one table of keys, if an empty one"
        file.close()
    return total


def read_partitions(paths: Iterable[Path], first: int, last: int, count: int) -> pa.Table:
    """Read partitions ``first`` to before ``last`` of ``count`` from all shards' files, ordered by key and row."""
    return in_order([next(read_ranges(path, [(first, last)], count)) for path in paths])


def read_ranges(path: Path, ranges: Iterable[tuple[int, int]], count: int) -> Iterator[pa.Table]:
    """Read some ranges of partitions from the file of one shard: of each, from the first to before the last."""
    with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
        runs = range(0, reader.num_record_batches, count)
        for first, last in ranges:
            yield pa.Table.from_batches([reader.get_batch(run + n) for run in runs for n in range(first, last)])


def in_order(parts: Sequence[pa.Table]) -> pa.Table:
    """Put the keyed rows of all shards together, ordered by key and row."""
    return pa.concat_tables(parts).sort_by(KEY_ORDER)


def write_tables(path: Path, tables: Iterable[pa.Table]) -> int:
    """Write tables as Arrow IPC, one after another; gives how many rows there are."""
    rows = 0
    with draft(path) as place:
        file = None
        for table in tables:
            file = file or pa.ipc.new_file(str(place), table.schema)
            file.write_table(table.combine_chunks())
            rows += table.num_rows
        assert file is not None, "at least one table, if an empty one, says what columns there are"
        file.close()
    return rows


class Tables(Sequence[pa.Table]):
    """Tables on disk, one a file; each is mapped when one comes to it, and let go of after."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> pa.Table:  # type: ignore[override]  # no slices
        with pa.memory_map(str(self.paths[place])) as file, pa.ipc.open_file(file) as reader:
            return reader.read_all()


class RowTable:
    """A table on disk whose column ``row`` ascends: what lies between two rows is read, and nothing else."""

    def __init__(self, path: Path) -> None:
        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            self._batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
            self._schema = reader.schema
        self._batches = [batch for batch in self._batches if batch.num_rows]
        self._last = np.array([batch.column("row")[-1].as_py() for batch in self._batches], np.uint64)

    def between(self, first: int, last: int) -> pa.Table:
        """Cut out the rows whose number is from ``first`` to before ``last``."""
        return pa.Table.from_batches(list(self._slices(first, last)), self._schema)

    def _slices(self, first: int, last: int) -> Iterator[pa.RecordBatch]:
        bounds = np.array([first, last], np.uint64)
        for batch in self._batches[int(np.searchsorted(self._last, bounds[0])) :]:
            start, stop = np.searchsorted(batch.column("row").to_numpy(), bounds)
            if stop > start:
                yield batch.slice(start, stop - start)
            if stop < batch.num_rows:
                return


def _runs(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join tables to ones of about :data:`RUN_BYTES`."""
    waiting: list[pa.Table] = []
    size = 0
    some = False
    for table in tables:
        waiting.append(table)
        size += table.nbytes
        if size >= RUN_BYTES:
            yield pa.concat_tables(waiting)
            waiting, size, some = [], 0, True
    if waiting or not some:
        yield pa.concat_tables(waiting)


def _cut(table: pa.Table, count: int) -> Iterator[pa.RecordBatch]:
    keys = table.column("key").to_numpy()
    # the high bits: keys are hashes, so the parts are even, and each part is a range of keys
    part = ((keys >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)).astype(np.int32)
    order = np.argsort(part, kind="stable")
    bounds = np.searchsorted(part[order], np.arange(count + 1))
    table = table.take(pa.array(order)).combine_chunks()
    empty = pa.RecordBatch.from_pylist([], table.schema)
    for i in range(count):
        rows = table.slice(bounds[i], bounds[i + 1] - bounds[i]).combine_chunks()
        yield (rows.to_batches() or [empty])[0]
