"""Lines of JSON as columns: what a compiled reader takes of a block at once, and all other lines row by row.

Both ways give the same rows, the same rejects and the same batches: what a compiled reader is not sure of it leaves.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import SCHEMA, Batch, no_turns
from lmloop.core.reader import Reject, Source
from lmloop.core.row_names import row_names
from lmloop.formats.fields import ALL, Rows, TableReader
from lmloop.formats.json_rows import JsonFile
from lmloop.formats.lines import Block, line_blocks
from lmloop.formats.opening import open_plain

if TYPE_CHECKING:
    from lmloop.kernels.json_lines import Lines

SMALL = 1 << 18
"""A file of fewer bytes is read row by row sooner than a compiled reader is loaded."""

LARGE = 1 << 30
"""A block of more bytes is read row by row: places in columns are numbers of 32 bits."""


def has_columns(reader: TableReader, source: Source) -> bool:
    """Say whether a file is one of lines, and large enough."""
    if source.size < SMALL or reader.id in (reader.text, ""):
        return False
    try:
        return JsonFile(reader, source).by_line and bool(_source_field(source))
    except (OSError, TypeError):  # it cannot be read; its name is no UTF-8
        return False


def json_columns(reader: TableReader, source: Source, made: Rows) -> "Iterator[Batch | Reject]":
    """Put the rows of a file into ``made`` and give what that gives.

    Raises:
        Broken: the file cannot be read on.
    """
    with open_plain(source, reader.max_ratio) as stream:
        blocks = _Blocks(JsonFile(reader, source), made)
        for block in line_blocks(stream, reader.most, source.piece):
            yield from blocks.read(block)


class _Blocks:
    """The blocks of one file on their way into rows."""

    def __init__(self, file: JsonFile, made: Rows) -> None:
        self.file, self.made, self.reader = file, made, file.reader
        kept = None if ALL in self.reader.meta else self.reader.meta
        self.names = [self.reader.text, self.reader.prompt, self.reader.choices, "source", self.reader.id or ""]
        self.kept = None if kept is None else list(dict.fromkeys(kept))
        self.field = _source_field(file.source)
        self.worth = True

    def read(self, block: Block) -> "Iterator[Batch | Reject]":
        """Add the rows of a block; where most of them cannot be taken at once, those of all others row by row."""
        if block.data is None or len(block.data) > LARGE or not self.worth:
            for number, line in block.lines(self.reader.most):
                yield from self._add(line, number)
            return
        from lmloop.kernels.json_lines import FIELDS, LONG, ODD, PLAIN, read_lines

        place = (self.field, block.first)
        lines = read_lines(block.data, block.total, (self.names, self.kept), place, self.reader.most)
        _find_long_decimals(lines)
        columns = [_strings(lines.text_ends, lines.text), _strings(lines.meta_ends, lines.meta)]
        columns.append(_strings(lines.id_ends, lines.ids))
        if by_hand := np.flatnonzero(lines.kind == FIELDS).tolist():
            columns = self._with_fields(block, lines, by_hand, columns)
        taken = (lines.kind == PLAIN) | (lines.kind == FIELDS)
        numbers, sizes = block.first + np.flatnonzero(taken), lines.bounds[:, 1] - lines.bounds[:, 0]
        if not taken.all():
            columns, sizes = [column.filter(pa.array(taken)) for column in columns], sizes[taken]
        batch, done = self._batch(columns, numbers), 0
        odd = np.flatnonzero((lines.kind == ODD) | (lines.kind == LONG))
        for odd_line, ahead in zip(odd.tolist(), np.searchsorted(numbers - block.first, odd).tolist(), strict=True):
            yield from self.made.extend(batch.slice(done, ahead - done), sizes[done:ahead])
            start, end = lines.bounds[odd_line].tolist()
            content = None if lines.kind[odd_line] == LONG else block.data[start:end]
            yield from self._add(content, block.first + odd_line)
            done = ahead
        yield from self.made.extend(batch.slice(done), sizes[done:])
        self.worth = 2 * len(odd) <= block.total

    def _add(self, line: bytes | None, number: int) -> "Iterator[Batch | Reject]":
        found = self.file.object(line, number)
        if isinstance(found, Reject):
            yield from self.made.reject(found)
        elif found is not None:
            yield from self.made.add(found, number, self.file.place(number), len(line or b""))

    def _with_fields(self, block: Block, lines: "Lines", by_hand: list[int], columns: list[pa.Array]) -> list[pa.Array]:
        """Read the fields of lines whose text was taken; a line whose fields are broken becomes an odd one."""
        from lmloop.kernels.json_lines import ODD

        assert block.data is not None, "there are lines in it"
        metas, ids = [], []
        for line in by_hand:
            (start, end), (first, last) = lines.bounds[line].tolist(), lines.value[line].tolist()
            meta, name = self._fields(block.data[start:first] + b"0" + block.data[last:end], block.first + line)
            if meta is None:
                lines.kind[line] = ODD
            metas.append(meta)
            ids.append(name)
        mask = np.zeros(block.total, np.bool_)
        mask[by_hand] = True
        new = [pa.array(values, pa.string()) for values in (metas, ids)]
        meta, own = (pc.replace_with_mask(old, pa.array(mask), by) for old, by in zip(columns[1:], new, strict=True))
        return [columns[0], meta, own]

    def _fields(self, rest: bytes, number: int) -> tuple[bytes | None, str]:
        """Give the meta and the name of a line without its text, or no meta where that is not possible."""
        try:
            row = orjson.loads(rest)
            del row[self.reader.text]
            name = self.made.name(row)
            return self.made.meta(row, self.file.place(number)), name or ""
        except (TypeError, ValueError, RecursionError):  # it is broken, or half a surrogate pair
            return None, ""

    def _batch(self, columns: list[pa.Array], numbers: Any) -> Batch:
        text, meta, own = columns
        names = row_names(self.file.source.name, numbers)
        if self.reader.id is not None:
            names = pc.if_else(pc.equal(pc.binary_length(own), 0), names, own)
        return pa.RecordBatch.from_arrays([names, text, *no_turns(len(numbers)), meta], schema=SCHEMA)


def _find_long_decimals(lines: "Lines") -> None:
    """Leave the fields of lines with a number that is not written as short as can be."""
    from lmloop.kernels.json_lines import FIELDS, PLAIN

    found = lines.decimals
    if count := int(found.total[0]):
        written = _strings(found.ends[: count + 1], found.data)
        other = pc.not_equal(written.cast(pa.float64()).cast(pa.string()), written).to_numpy(zero_copy_only=False)
        places = found.line[:count][other]
        lines.kind[places[lines.kind[places] == PLAIN]] = FIELDS


def _strings(ends: Any, data: Any) -> pa.Array:
    return pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(data))


def _source_field(source: Source) -> bytes:
    """Give the beginning of the field that says where a row is from, up to its number."""
    return b'"source":' + orjson.dumps(source.name)[:-1] + b":"
