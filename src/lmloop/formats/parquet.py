"""Rows of Parquet and Arrow IPC files, a few thousand at a time, and where a file can be cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lmloop.core.batch import Batch
from lmloop.core.reader import Piece, Reject, Source
from lmloop.formats.fields import ALL, TableReader
from lmloop.formats.opening import Broken, open_raw
from lmloop.formats.table import from_table

ROWS = 4096
PARQUET, ARROW = (".parquet", ".pq"), (".arrow", ".feather", ".ipc")


def column_batches(reader: TableReader, source: Source) -> "Iterator[Batch | Reject]":
    """Give the rows of a file as batches; what is broken, and what comes behind it, is a reject."""
    try:
        with open_raw(source) as stream:
            is_parquet = source.name.lower().endswith(PARQUET)
            for part, first in _parquet(reader, source, stream) if is_parquet else _arrow(stream):
                yield from from_table(reader, source, part, first)
    except Broken as bad:
        yield Reject(source.name, bad.reason, bad.detail)


def cut_groups(source: Source, size: int) -> Iterator[Source]:
    """Cut a large Parquet file at its row groups into pieces of about ``size`` bytes."""
    pieces: list[Piece] = []
    if source.size >= 2 * size and not source.refused and source.name.lower().endswith(PARQUET):
        try:
            with open_raw(source) as stream, _judging(), pq.ParquetFile(stream) as file:
                pieces = list(_pieces(file.metadata, size))
        except (Broken, OSError):  # reading it will say so
            pieces = []
    if len(pieces) < 2:
        yield source
        return
    share = source.size // len(pieces)
    for piece in pieces:
        yield Source(source.path, source.name, share, source.url, source.stamp, piece=piece)


def _parquet(reader: TableReader, source: Source, stream: Any) -> Iterator[tuple[Any, int]]:
    with _judging():
        file = pq.ParquetFile(stream)
    groups, first = range(file.metadata.num_row_groups), 0
    if source.piece is not None:
        groups, first = range(source.piece.start, source.piece.stop), source.piece.first
    for group in groups:
        start = first
        with _judging(f"row group {group}"):
            batches = file.iter_batches(ROWS, row_groups=[group], columns=_wanted(reader, file.schema_arrow.names))
        while True:
            with _judging(f"row group {group}, after {first - start} rows"):
                batch = next(batches, None)
            if batch is None:
                break
            yield batch, first
            first += batch.num_rows


def _wanted(reader: TableReader, names: list[str]) -> list[str] | None:
    """Name the columns that are used."""
    if ALL in reader.meta:
        return None
    used = (reader.text, reader.id, reader.prompt, reader.choices, reader.answer, *reader.meta)
    return [name for name in names if any(use and (use == name or use.startswith(f"{name}.")) for use in used)]


def _pieces(metadata: Any, size: int) -> Iterator[Piece]:
    start = first = count = held = 0
    for group in range(metadata.num_row_groups):
        about = metadata.row_group(group)
        count += about.num_rows
        held += sum(about.column(i).total_compressed_size for i in range(about.num_columns))
        if held >= size or group == metadata.num_row_groups - 1:
            yield Piece(start, group + 1, first)
            start, first, count, held = group + 1, first + count, 0, 0


def _arrow(stream: Any) -> Iterator[tuple[Any, int]]:
    """Stream the batches of an Arrow IPC file, or of an IPC stream."""
    with _judging():
        head = stream.read(6)
        stream.seek(0)
        reader = pa.ipc.open_file(stream) if head == b"ARROW1" else pa.ipc.open_stream(stream)
    count = reader.num_record_batches if head == b"ARROW1" else None
    number = first = 0
    while count is None or number < count:
        with _judging(f"after {first} rows"):
            try:
                batch = reader.read_next_batch() if count is None else reader.get_batch(number)
                batch.validate()
            except StopIteration:
                return
        yield batch, first
        first += batch.num_rows
        number += 1


@contextmanager
def _judging(where: str = "") -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, NotImplementedError, MemoryError) as bad:
        raise Broken("broken file", f"{where}: {bad}".removeprefix(": ")[:300]) from None
