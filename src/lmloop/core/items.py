"""The item log: every question of an evaluation with its prompt, replies, verdict and reason, in one Parquet file.

Rows stand in the order of models, tasks and questions, in groups of a few thousand, so that a page of a million
items is read without the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lmloop.core.draft import draft
from lmloop.core.errors import DataError

FILE = "items.parquet"
GROUP = 2000
"""Rows of a row group: what is read at once."""

_TURNS = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
_REPLY = pa.struct(
    [
        ("asked", pa.string()),  # the text that was scored; null where the model wrote
        ("prompt", _TURNS),  # null where it is that of the item
        ("text", pa.string()),
        ("logprob", pa.float64()),
        ("tokens", pa.int32()),
        ("prompt_tokens", pa.int32()),
        ("cut", pa.bool_()),
        ("greedy", pa.bool_()),
        ("error", pa.string()),
    ]
)
SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("task", pa.string()),
        ("group", pa.string()),
        ("cluster", pa.string()),
        ("record", pa.string()),
        ("value", pa.float64()),  # of the chief metric; null where there was no reply
        ("failed", pa.bool_()),
        ("cut", pa.bool_()),
        ("error", pa.string()),
        ("weight", pa.float64()),
        ("values", pa.map_(pa.string(), pa.float64())),
        ("weights", pa.map_(pa.string(), pa.float64())),  # of metrics that are weighed otherwise
        ("extracted", pa.string()),
        ("answer", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("why", pa.string()),
        ("question", pa.string()),  # without shots and instructions, where the task tells
        ("prompt", _TURNS),
        ("replies", pa.list_(_REPLY)),
    ]
)

Row = Mapping[str, Any]


class Writer:
    """Writes rows as they come."""

    def __init__(self, file: pq.ParquetWriter) -> None:
        self.file = file
        self.rows: list[Row] = []
        self.count = 0

    def write(self, rows: Sequence[Row]) -> None:
        """Take some rows, in order."""
        self.rows += rows
        self.count += len(rows)
        while len(self.rows) >= GROUP:
            self._write(self.rows[:GROUP])
            self.rows = self.rows[GROUP:]

    def end(self) -> None:
        """Write what is left."""
        if self.rows or not self.count:
            self._write(self.rows)
        self.rows = []

    def _write(self, rows: Sequence[Row]) -> None:
        self.file.write_table(pa.Table.from_pylist(list(rows), SCHEMA), row_group_size=GROUP)


@contextmanager
def writer(path: Path) -> Iterator[Writer]:
    """Open an item log for writing; it is there when all went well, and else not at all."""
    # bounds of long texts would make the table of contents larger than a page
    options = {"compression": "zstd", "write_statistics": ["model", "task", "group"]}
    with draft(path) as place, pq.ParquetWriter(place, SCHEMA, **options) as file:
        rows = Writer(file)
        yield rows
        rows.end()


class Items:
    """An item log that is read by place; columns that choose rows are read once, when they are first wanted."""

    def __init__(self, path: Path) -> None:
        try:
            self.file = pq.ParquetFile(path, read_dictionary=["model", "task", "group"])
        except (OSError, pa.ArrowException) as bad:
            raise DataError(f"{path} is no item log: {bad}", hint="run its step again") from None
        if not set(SCHEMA.names) <= set(self.file.schema_arrow.names):
            raise DataError(f"{path} is no item log of this lmloop", hint="run its step again")
        self.count: int = self.file.metadata.num_rows
        self._narrow: dict[str, pa.Array] = {}
        self._lock = Lock()

    def column(self, name: str) -> pa.Array:
        """Give a whole column: one of those that cost little, from ``model`` to ``error``."""
        with self._lock:
            if name not in self._narrow:
                self._narrow[name] = self.file.read([name]).column(0).combine_chunks()
            return self._narrow[name]

    def rows(self, places: Sequence[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Give rows (or some columns of them) in the order of ``places``; only the groups they lie in are read."""
        by_group: dict[int, list[int]] = {}
        for place in places:
            by_group.setdefault(place // GROUP, []).append(place)
        found: dict[int, dict[str, Any]] = {}
        for group, some in by_group.items():
            with self._lock:
                table = self.file.read_row_group(group, columns=list(columns) if columns else None)
            rows = table.take(pa.array([place % GROUP for place in some])).to_pylist()
            for name in {"values", "weights"} & set(table.schema.names):
                for row in rows:
                    row[name] = dict(row[name] or ())
            found.update(zip(some, rows, strict=True))
        return [found[place] for place in places]
