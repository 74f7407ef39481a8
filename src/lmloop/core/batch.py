"""A batch: rows as Arrow columns, which is what flows through the bulk stages.

A ``Batch`` is a ``pyarrow.RecordBatch`` with the columns of :data:`SCHEMA` and, behind them, any
number of statistics columns called ``stats.<op>.<name>``. Rows (:class:`Record`) are for the edges:
readers make them, people look at them, tests compare them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa

from lmloop.core.record import Record, Turn

Batch: TypeAlias = "pa.RecordBatch"

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("prompt", pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.int32()),
        ("meta", pa.string()),  # one JSON object a row: any value, no schema to agree on
    ]
)

STATS = "stats."
_NOTHING = {kind: pa.array([], kind.value_type) for kind in (SCHEMA.field("prompt").type, SCHEMA.field("choices").type)}


def from_records(records: Iterable[Record]) -> Batch:
    """Put rows into columns."""
    found = list(records)
    ids, texts, metas = zip(*((r.id, r.text, meta_json(r.meta)) for r in found), strict=True) if found else ((), (), ())
    prompts, choices, answers = no_turns(len(found))
    if any(r.prompt or r.choices for r in found):
        turns = [[{"role": t.role, "text": t.text} for t in r.prompt] for r in found]
        prompts = pa.array(turns, SCHEMA.field("prompt").type)
        choices = pa.array([list(r.choices) for r in found], SCHEMA.field("choices").type)
        answers = pa.array([r.answer for r in found], pa.int32())
    names, said, about = (pa.array(column, pa.string()) for column in (ids, texts, metas))
    return pa.RecordBatch.from_arrays([names, said, prompts, choices, answers, about], schema=SCHEMA)


def no_turns(count: int) -> "tuple[pa.Array, pa.Array, pa.Array]":
    """Give the columns prompt, choices and answer of documents, which have none."""
    offsets = pa.py_buffer(bytes(4 * (count + 1)))
    kinds = (SCHEMA.field("prompt").type, SCHEMA.field("choices").type)
    empty = (pa.Array.from_buffers(kind, count, [None, offsets], children=[_NOTHING[kind]]) for kind in kinds)
    return *empty, pa.nulls(count, pa.int32())


def from_texts(texts: Iterable[str]) -> Batch:
    """Make a batch of documents from plain strings, to try an op on."""
    return from_records(Record(text=text) for text in texts)


def rows(batch: Batch) -> Iterator[Record]:
    """Read a batch row by row; statistics columns are left out."""
    for row in batch.select(SCHEMA.names).to_pylist():
        yield Record(
            text=row["text"] or "",
            prompt=tuple(Turn(t["role"], t["text"]) for t in row["prompt"] or ()),
            choices=tuple(row["choices"] or ()),
            answer=row["answer"],
            meta=json.loads(row["meta"]) if row["meta"] else {},
            id=row["id"] or "",
        )


def conform(table: "pa.RecordBatch | pa.Table") -> Batch:
    """Bring any table with a ``text`` column (and any of the others) into the schema, as one batch.

    Columns that are neither of the schema nor statistics are left out.
    """
    count = table.num_rows
    columns = [_column(table, field, count) for field in SCHEMA]
    extra = [name for name in table.schema.names if name.startswith(STATS)]
    columns += [_whole(table.column(name)) for name in extra]
    batch = pa.RecordBatch.from_arrays(columns, names=SCHEMA.names + extra)
    if "id" in table.schema.names:
        return batch
    named = from_records(rows(batch)).column("id")
    return batch.set_column(0, SCHEMA.field("id"), named)


def with_stats(batch: Batch, op: str, stats: Mapping[str, Any]) -> Batch:
    """Add (or replace) the statistics columns of one op. Values are arrays with one item a row."""
    for name, values in stats.items():
        column = f"{STATS}{op}.{name}"
        array = values if isinstance(values, pa.Array) else pa.array(values)
        place = batch.schema.get_field_index(column)
        known = place >= 0
        batch = batch.set_column(place, column, array) if known else batch.append_column(column, array)
    return batch


def stats_names(schema: "pa.Schema") -> list[str]:
    """List the statistics columns of a schema, in order."""
    return [name for name in schema.names if name.startswith(STATS)]


def with_text(batch: Batch, texts: "pa.Array | Sequence[str]") -> Batch:
    """Replace the texts of a batch."""
    array = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    return batch.set_column(SCHEMA.get_field_index("text"), SCHEMA.field("text"), array)


def with_ids(batch: Batch, ids: "pa.Array") -> Batch:
    """Replace the names of a batch's rows."""
    return batch.set_column(SCHEMA.get_field_index("id"), SCHEMA.field("id"), ids)


def meta_values(batch: Batch, key: str) -> list[Any]:
    """Read one key of every row's meta; None where it is missing."""
    return [json.loads(text).get(key) if text else None for text in batch.column("meta").to_pylist()]


def meta_json(meta: Mapping[str, Any]) -> str:
    """Write a row's meta as the column holds it: one JSON object, and nothing for an empty one."""
    if not meta:
        return ""
    text = json.dumps(dict(meta), ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, in a file's name say, is no UTF-8: it is escaped
        text = json.dumps(dict(meta), separators=(",", ":"))
    return text


def _column(table: "pa.RecordBatch | pa.Table", field: "pa.Field", count: int) -> "pa.Array":
    if field.name in table.schema.names:
        return _whole(table.column(field.name)).cast(field.type)
    if field.name in ("id", "text", "meta"):
        return pa.array([""] * count, pa.string())
    if field.name == "answer":
        return pa.nulls(count, pa.int32())
    return pa.array([[]] * count, field.type)


def _whole(column: "pa.Array | pa.ChunkedArray") -> "pa.Array":
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
