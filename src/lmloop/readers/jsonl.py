"""JSON Lines, and JSON files that hold a list or objects."""

from collections.abc import Iterator
from typing import ClassVar

from lmloop.core.batch import Batch
from lmloop.core.reader import Reject, Source
from lmloop.formats.fields import RowReader, Rows
from lmloop.formats.json_columns import has_columns, json_columns
from lmloop.formats.json_rows import FORMATS, can_be_cut, json_rows
from lmloop.formats.lines import cut_lines


class Jsonl(RowReader):
    """Read JSON Lines: each line is an object with a text, or a record as lmloop writes them.

    A line that is no JSON object, lacks the text or is longer than ``max_mb`` megabytes is rejected, and the next one
    is read. A ``.json`` file may hold a list of objects, or objects one behind the other. A large plain file of lines
    is cut into pieces, which are read side by side.
    """

    formats: ClassVar[tuple[str, ...]] = FORMATS

    def cut(self, source: Source, size: int) -> Iterator[Source]:
        """Cut a large plain file of lines into pieces that end with a line."""
        if can_be_cut(self, source):
            yield from cut_lines(source, size)
        else:
            yield source

    def batches(self, source: Source, made: Rows) -> "Iterator[Batch | Reject]":
        """Give the objects of a file."""
        if has_columns(self, source):
            yield from json_columns(self, source, made)
            return
        for value, number, size in json_rows(self, source):
            if isinstance(value, Reject):
                yield from made.reject(value)
            else:
                yield from made.add(value, number, f"{source.name}:{number}", size)
