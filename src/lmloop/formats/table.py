"""Columns of a table become columns of records: without a detour over rows where the table allows it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import SCHEMA, Batch, no_turns
from lmloop.core.op import text_bytes
from lmloop.core.reader import BATCH_ROWS, Reject, Source
from lmloop.core.row_names import row_names
from lmloop.formats.fields import ALL, Rows, TableReader

TEXTS = (pa.types.is_string, pa.types.is_large_string)


def from_table(reader: TableReader, source: Source, table: Any, first: int) -> "Iterator[Batch | Reject]":
    """Make records of a part of a table, whose first row is row number ``first`` (from 0) of its file."""
    names = table.schema.names
    simple = (
        reader.text in names
        and any(is_text(table.schema.field(reader.text).type) for is_text in TEXTS)
        and not {reader.prompt, reader.choices} & set(names)
        and reader.id is None
        and (reader.meta == [ALL] or (ALL not in reader.meta and all("." not in name for name in reader.meta)))
    )
    for start in range(0, table.num_rows, BATCH_ROWS):
        part = table.slice(start, BATCH_ROWS)
        if simple and _is_sound(part):
            yield from _columns(reader, source, part, first + start)
        else:
            yield from _rows(reader, source, part, first + start)


def _is_sound(part: Any) -> bool:
    try:
        part.validate(full=True)
    except pa.ArrowInvalid:  # bytes that are no UTF-8 in a column of texts: nobody checked when it was written
        return False
    return True


def _columns(reader: TableReader, source: Source, part: Any, first: int) -> "Iterator[Batch | Reject]":
    text = part.column(reader.text)
    numbers = np.arange(first, first + part.num_rows)
    size = pc.fill_null(pc.binary_length(text), -1).to_numpy(zero_copy_only=False)
    good = (size >= 0) & (size <= reader.most)
    for row in np.flatnonzero(~good).tolist():
        place = f"{source.name}:{first + row + 1}"
        if size[row] < 0:
            yield Reject(place, "no text", f"field {reader.text!r} is null")
        else:
            yield Reject(place, "too large", f"{size[row]} bytes")
    if not good.all():
        part, numbers = part.filter(pa.array(good)), numbers[good]
    kept = [name for name in part.schema.names if name != reader.text and (reader.meta == [ALL] or name in reader.meta)]
    metas = _metas(part.select(kept), [f"{source.name}:{number + 1}" for number in numbers.tolist()])
    count = part.num_rows
    texts = _text_column(part.column(reader.text))
    columns = [row_names(source.name, numbers.tolist()), texts, *no_turns(count), pa.array(metas, pa.string())]
    batch = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
    if count and text_bytes(batch) >= 0:
        yield batch


def _text_column(column: Any) -> pa.Array:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.cast(pa.string())


def _metas(table: Any, places: list[str]) -> list[bytes]:
    """Write each row's meta as JSON."""
    rows = table.to_pylist() if table.num_columns else [{} for _ in places]
    metas = []
    for row, place in zip(rows, places, strict=True):
        if "source" in row:
            row["source_"] = row.pop("source")
        row["source"] = place
        metas.append(orjson.dumps(row, default=str))
    return metas


def _rows(reader: TableReader, source: Source, part: Any, first: int) -> "Iterator[Batch | Reject]":
    made = Rows(reader, source)
    for number, row in enumerate(_plain_rows(part), first):
        place = f"{source.name}:{number + 1}"
        text = row.get(reader.text)
        size = len(text) if isinstance(text, str) else 0
        if isinstance(text, str) and size > reader.most // 4 and len(text.encode("utf-8", "replace")) > reader.most:
            yield from made.reject(Reject(place, "too large", f"over {reader.most} bytes"))
        else:
            yield from made.add(row, number, place, size)
    yield from made.rest()


def _plain_rows(part: Any) -> Iterator[dict[str, Any]]:
    """Give a table's rows; a value that is no UTF-8 is given as None."""
    columns = {name: _plain_column(part.column(name)) for name in part.schema.names}
    for row in range(part.num_rows):
        yield {name: values[row] for name, values in columns.items()}


def _plain_column(column: Any) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (UnicodeDecodeError, ValueError):
        return [_plain(item) for item in column]


def _plain(item: Any) -> Any:
    try:
        return item.as_py()
    except (UnicodeDecodeError, ValueError):
        return None
