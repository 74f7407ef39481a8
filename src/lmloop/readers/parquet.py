"""Parquet and Arrow IPC (Feather) files, a row group at a time."""

import io
from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from lmloop.core.batch import Batch
from lmloop.core.reader import Reject, Source
from lmloop.formats.fields import ColumnReader
from lmloop.formats.parquet import ARROW, PARQUET, column_batches, cut_groups


class Parquet(ColumnReader):
    """Read Parquet, Arrow and Feather files: one row, one record.

    Only the columns that are kept are read. A row without a text is rejected, and so is one of more than ``max_mb``
    megabytes. A large file is cut at its row groups, which are read side by side.
    """

    formats: ClassVar[tuple[str, ...]] = (*PARQUET, *ARROW)

    def looked_for(self) -> list[str]:
        """List the endings of the files to look for in a folder."""
        return list(self.formats)  # these formats compress by themselves

    def cut(self, source: Source, size: int) -> Iterator[Source]:
        """Cut a large file at its row groups."""
        return cut_groups(source, size)

    def read_batches(self, source: Source) -> "Iterator[Batch | Reject]":
        """Give the rows of a file, a few thousand at a time."""
        return column_batches(self, source)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a small file of each format."""
        table = pa.table({"text": ["One.", "二。", None], "url": ["u", None, "v"], "n": [1, 2, 3]})
        parquet, arrow = io.BytesIO(), io.BytesIO()
        pq.write_table(table, parquet, row_group_size=2)
        with pa.ipc.new_file(arrow, table.schema) as file:
            file.write_table(table)
        return {"p.parquet": parquet.getvalue(), "q.arrow": arrow.getvalue()}
