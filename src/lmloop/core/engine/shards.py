"""Shards: the files that rows lie in. Results are Parquet; what passes between phases is Arrow IPC."""

from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lmloop.core.batch import SCHEMA, Batch, conform, rows
from lmloop.core.card import CARD, Card
from lmloop.core.draft import draft_name, finish
from lmloop.core.errors import DataError
from lmloop.core.op import text_bytes
from lmloop.core.record import Record

DATA, DROPPED = "data", "dropped"
ROW_BITS = 40
"""A row's number is its shard's number and, in the low bits, its place in the shard."""

GROUP_BYTES = 8 << 20
SLICE_BYTES = 2 << 20
"""About how much text a row group holds: what a worker has in memory at a time is a few of them."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of rows: its place among the shards, how many rows, and how many bytes on disk."""

    number: int
    path: Path
    rows: int
    size: int

    @property
    def name(self) -> str:
        """The shard's number as a file name."""
        return f"{self.number:05d}"


def list_shards(folders: Iterable[Path]) -> list[Shard]:
    """List the shards of some record artifacts, in order.

    Of a finished run, those are the files that its card lists: what somebody put beside them is no part of it.

    Raises:
        DataError: a shard is not a Parquet file.
    """
    paths = [path for folder in folders for path in _shard_files(folder)]
    return [Shard(n, path, _open(path).metadata.num_rows, path.stat().st_size) for n, path in enumerate(paths)]


def read_shard(path: Path) -> Iterator[Batch]:
    """Stream the rows of a Parquet or Arrow IPC shard, a few megabytes at a time; at least one batch, maybe empty.

    What ops need beside a batch, above all those that number its words, is a multiple of its size.
    """
    for batch in _groups(path):
        count = max(1, min(batch.num_rows, -(-text_bytes(batch) // SLICE_BYTES)))
        size = max(1, -(-batch.num_rows // count))
        yield from (batch.slice(first, size) for first in range(0, max(1, batch.num_rows), size))


def read_records(folders: Iterable[Path]) -> Iterator[Record]:
    """Give the rows of some folders one by one, in order: for the edges, where rows are few."""
    for shard in list_shards(folders):
        yield from shard_records(shard.path)


def shard_records(path: Path) -> Iterator[Record]:
    """Give the rows of a shard one by one."""
    for batch in read_shard(path):
        yield from rows(batch)


def _groups(path: Path) -> Iterator[Batch]:
    if path.suffix == ".arrow":
        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            for i in range(reader.num_record_batches):
                yield reader.get_batch(i)
            if not reader.num_record_batches:
                yield pa.RecordBatch.from_pylist([], reader.schema)
        return
    with _open(path) as file:
        for group in range(file.metadata.num_row_groups):
            with _readable(path):
                table = file.read_row_group(group)
            yield conform(table)
        if not file.metadata.num_row_groups:
            yield conform(file.schema_arrow.empty_table())


def read_columns(folder: Path, columns: list[str] | None) -> Iterator[pa.Table]:
    """Stream some columns (None: all) of a folder's Parquet files, a row group at a time.

    A column that a file does not have is left out.
    """
    for path in sorted(folder.glob("*.parquet")):
        with _open(path) as file:
            wanted = _there(file, columns)
            for group in range(file.metadata.num_row_groups):
                with _readable(path):
                    table = file.read_row_group(group, columns=wanted)
                yield table


def read_chosen(
    folder: Path, columns: list[str], by: str, choose: Callable[[pa.ChunkedArray], pa.ChunkedArray]
) -> Iterator[pa.Table]:
    """Stream the rows of a folder's Parquet files that ``choose`` chooses by one column, with some columns.

    Row groups without such a row cost no more than that column: where few are wanted, most texts are not read.
    """
    for path in sorted(folder.glob("*.parquet")):
        with _open(path) as file:
            wanted = _there(file, columns)
            for group in range(file.metadata.num_row_groups) if by in file.schema_arrow.names else ():
                with _readable(path):
                    chosen = choose(file.read_row_group(group, columns=[by]).column(0))
                    table = file.read_row_group(group, columns=wanted) if pc.any(chosen).as_py() else None
                if table is not None:
                    yield table.filter(chosen)


def _there(file: pq.ParquetFile, columns: list[str] | None) -> list[str] | None:
    names = set(file.schema_arrow.names)
    return columns and [name for name in columns if name in names]


def list_columns(folder: Path) -> list[str]:
    """List the columns that any of a folder's Parquet files has, in the order in which they come up."""
    found: dict[str, None] = {}
    for path in sorted(folder.glob("*.parquet")):
        with _open(path) as file:
            found.update(dict.fromkeys(file.schema_arrow.names))
    return [*found]


def prune(folder: Path, keep: Container[str]) -> None:
    """Remove the files of an unfinished run's folder that no task of it wrote."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_file() and path.name not in keep:
            path.unlink()


class ShardWriter:
    """Writes a shard: whole row groups, under another name until it is closed without an error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._waiting: list[Batch] = []
        self._waiting_bytes = 0
        self._schema: pa.Schema | None = None
        self._writer: Any = None
        self._draft = draft_name(path)
        path.parent.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self.flush()
                self._writer.close()
                finish(self._draft, self.path)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Close what is still open, which writes once more, and remove what was not finished."""
        if self._writer is not None:
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
        with suppress(OSError):
            self._draft.unlink()

    def write(self, batch: Batch) -> None:
        """Add rows. Batches are joined to row groups of a few megabytes."""
        self._schema = self._schema or batch.schema
        self._waiting.append(batch.cast(self._schema))
        self._waiting_bytes += text_bytes(batch)
        self.rows += batch.num_rows
        if self._waiting_bytes >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._writer is not None and not self._waiting:
            return
        schema = self._schema or SCHEMA
        if self._writer is None:
            self._writer = _writer(self._draft, self.path.suffix, schema)
        for batch in pa.Table.from_batches(self._waiting, schema).combine_chunks().to_batches():
            self._writer.write_batch(batch)
        self._waiting, self._waiting_bytes = [], 0


def _writer(path: Path, suffix: str, schema: pa.Schema) -> Any:
    if suffix == ".arrow":
        return pa.ipc.new_file(str(path), schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))
    # texts and ids hardly repeat: a dictionary would only cost time
    repeating = [name for name in schema.names if name.startswith("drop.")]
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeating)


def _shard_files(folder: Path) -> list[Path]:
    if (folder / CARD).exists():
        names = (name for name in Card.read(folder).files if name.startswith(f"{DATA}/") and name.endswith(".parquet"))
        return [folder / name for name in sorted(names)]
    return sorted((folder / DATA).glob("*.parquet"))


def _open(path: Path) -> pq.ParquetFile:
    with _readable(path):
        return pq.ParquetFile(path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as bad:
        raise DataError(f"the shard {path} cannot be read: {bad}", hint="remove its folder; it is made again") from None
