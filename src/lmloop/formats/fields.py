"""Which field of a row is what: rows of any table become columns of records."""

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
from pydantic import Field

from lmloop.core.batch import SCHEMA, Batch, meta_json, rows
from lmloop.core.reader import BATCH_BYTES, BATCH_ROWS, Reject, Source
from lmloop.core.record import Record, Turn
from lmloop.core.row_names import row_names
from lmloop.formats.base import TextFileReader
from lmloop.formats.chats import read_chat, shape_of
from lmloop.formats.opening import Broken
from lmloop.formats.turns import read_turns

EXCERPT = 200
NO_TEXT = "half a surrogate pair is no text"
ALL = "*"


class TableReader(TextFileReader):
    """A reader of rows with named fields. It makes records of them with :class:`Rows`."""

    text: str = Field("text", description="the field that holds the text; a name with dots goes into nested ones")
    id: str | None = Field(None, description="the field that names the row; without, a row is named by its place")
    meta: list[str] = Field([ALL], description="the fields to keep beside the text; * means all the others")
    prompt: str = Field("prompt", description="the field with what comes before the text: turns, or a user's words")
    choices: str = Field("choices", description="the field with a list of answers to choose from")
    answer: str = Field("answer", description="the field with the right choice: its number, letter or text")


class ColumnReader(TableReader):
    """A reader that gives batches; its records are their rows."""

    def items(self, source: Source) -> Iterator[Record | Reject]:
        """Give the rows of a file as records."""
        for item in self.read_batches(source):
            if isinstance(item, Reject):
                yield item
            else:
                yield from rows(item)


class RowReader(ColumnReader):
    """A reader whose files are read row by row into batches."""

    def read_batches(self, source: Source) -> "Iterator[Batch | Reject]":
        """Give the rows of a file as batches."""
        made = Rows(self, source)
        try:
            yield from self.batches(source, made)
        except Broken as bad:
            yield from made.reject(Reject(source.name, bad.reason, bad.detail))
        yield from made.rest()

    @abstractmethod
    def batches(self, source: Source, made: "Rows") -> "Iterator[Batch | Reject]":
        """Put the rows of a file into ``made`` and give what that gives; :class:`Broken` ends it."""


class Rows:
    """Rows of one file on their way into batches; some of them may be columns already."""

    def __init__(self, reader: TableReader, source: Source) -> None:
        self.reader, self.source = reader, source
        self._begin()

    def _begin(self) -> None:
        self.size = self.count = 0
        self.columns: list[Batch] = []
        self.broken: list[Reject] = []
        self._begin_rows()

    def _begin_rows(self) -> None:
        self.ids: list[str | None] = []
        self.texts: list[str] = []
        self.prompts: list[tuple[Turn, ...]] = []
        self.choices: list[list[str]] = []
        self.answers: list[int | None] = []
        self.metas: list[bytes] = []
        self.numbers: list[int] = []

    def reject(self, reject: Reject) -> "Iterator[Batch | Reject]":
        """Put a reject behind the rows before it."""
        yield from self.rest()
        yield reject

    def rest(self) -> "Iterator[Batch | Reject]":
        """Give the rows that wait, if there are any, and begin the next batch."""
        self._close_rows()
        yield from reversed(self.broken)
        if self.columns:
            yield from pa.Table.from_batches(self.columns).combine_chunks().to_batches()
        self._begin()

    def add(self, row: dict[str, Any], number: int, place: str, size: int) -> "Iterator[Batch | Reject]":
        """Add a row, which is used up; ``number`` and ``place`` say where in the file it is, ``size`` its bytes."""
        reject = self._take(row, number, place)
        self.size += size
        if reject is not None:
            yield from self.reject(reject)
        elif self.size >= BATCH_BYTES or self.count >= BATCH_ROWS:
            yield from self.rest()

    def extend(self, columns: Batch, sizes: npt.NDArray[np.int64]) -> "Iterator[Batch | Reject]":
        """Add rows that are columns already, each of ``sizes`` bytes: as if one after the other were added."""
        while columns.num_rows:
            ends = np.cumsum(sizes)
            count = min(BATCH_ROWS - self.count, int(np.searchsorted(ends, BATCH_BYTES - self.size)) + 1, len(sizes))
            self._close_rows()
            self.columns.append(columns.slice(0, count))
            self.count += count
            self.size += int(ends[count - 1])
            if self.size >= BATCH_BYTES or self.count >= BATCH_ROWS:
                yield from self.rest()
            columns, sizes = columns.slice(count), sizes[count:]

    def _close_rows(self) -> None:
        """Make columns of the rows that wait one by one."""
        if not self.texts:
            return
        try:
            batch = self._batch()
        except UnicodeEncodeError:
            self._take_out_surrogates()
            batch = self._batch()
        self.columns += [batch] if batch.num_rows else []
        self._begin_rows()

    def _take_out_surrogates(self) -> None:
        """Take out the texts with half a surrogate pair, which are rare: that is why nobody looked before."""
        columns = (self.ids, self.texts, self.prompts, self.choices, self.answers, self.metas, self.numbers)
        broken = [place for place, text in enumerate(self.texts) if not _encodable(text)]
        for place in broken:
            self.broken.append(Reject(f"{self.source.name}:{self.numbers[place]}", "lone surrogate", NO_TEXT))
        for place in reversed(broken):
            for column in columns:
                del column[place]

    @staticmethod
    def show(row: Any) -> str:
        """Show the beginning of a row."""
        return excerpt(repr(row)[: 2 * EXCERPT])

    def _take(self, row: dict[str, Any], number: int, place: str) -> Reject | None:
        reader = self.reader
        text = row.pop(reader.text, None)
        prompt: tuple[Turn, ...] = ()
        options: list[str] = []
        answer = None
        try:
            if type(text) is not str or reader.prompt in row or reader.choices in row:
                text, prompt, options, answer = self._shaped(row, text)
                for part in (text, *options, *(said for turn in prompt for said in (turn.role, turn.text))):
                    part.encode()
            name = self.name(row)
            meta = self.meta(row, place)
        except UnicodeEncodeError:
            return Reject(place, "lone surrogate", NO_TEXT)
        except LookupError as bad:
            return Reject(place, "no text", str(bad.args[0])[:EXCERPT], self.show(row))
        except (TypeError, ValueError, RecursionError) as bad:
            return Reject(place, "not a record", f"{type(bad).__name__}: {bad}"[:EXCERPT], self.show(row))
        self.ids.append(name)
        self.texts.append(text)
        self.prompts.append(prompt)
        self.choices.append(options)
        self.answers.append(answer)
        self.metas.append(meta)
        self.numbers.append(number)
        self.count += 1
        return None

    def _batch(self) -> Batch:
        names = row_names(self.source.name, self.numbers)
        if self.reader.id is not None:
            both = zip(self.ids, names.to_pylist(), strict=True)
            names = pa.array([own or other for own, other in both], pa.string())
        turns = [[{"role": t.role, "text": t.text} for t in prompt] for prompt in self.prompts]
        columns = [names, self.texts, turns, self.choices, self.answers, self.metas]
        arrays = [pa.array(column, kind.type) for column, kind in zip(columns, SCHEMA, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)

    def _shaped(self, row: dict[str, Any], text: Any) -> tuple[str, tuple[Turn, ...], list[str], int | None]:
        """Read a row that is more, or other, than a text.

        Raises:
            LookupError: it has no text.
            ValueError: its other fields are not what they should be.
        """
        reader = self.reader
        if text is None:
            text = _dig(row, reader.text)
        if text is None and (shape := shape_of(row)) is not None:
            said = next(read_chat(row, shape))
            return said.text, said.prompt, [], None
        prompt = _turns(row.pop(reader.prompt, None))
        choices = row.pop(reader.choices, None)
        if isinstance(choices, Mapping):  # {"label": ["A", "B"], "text": ["yes", "no"]}
            choices = choices.get("text", choices)
        options = [str(choice) for choice in choices or ()]
        answer = _index(row.pop(reader.answer), options) if options and reader.answer in row else None
        if text is None and (prompt or options):
            text = ""
        if not isinstance(text, str):
            there = f"it holds {type(text).__name__}" if text is not None else f"there are {', '.join(map(str, row))}"
            raise LookupError(f"no field {reader.text!r} that holds text: {there}")
        return text, prompt, options, answer

    def name(self, row: dict[str, Any]) -> str | None:
        """Give the name that a row has by itself, if it has one.

        Raises:
            UnicodeEncodeError: half of a surrogate pair is in it.
        """
        own = None if self.reader.id is None else row.get(self.reader.id)
        if own in (None, ""):
            return None
        name = str(own)
        name.encode()
        return name

    def meta(self, row: dict[str, Any], place: str) -> bytes:
        """Write the fields of a row that are kept beside its text, and its place, as JSON."""
        wanted = self.reader.meta
        if wanted != [ALL]:
            kept = {name: found for name in wanted if (found := _dig(row, name)) is not None}
            row = {**row, **kept} if ALL in wanted else kept
        if "source" in row:
            row["source_"] = row.pop("source")
        row["source"] = place
        try:
            return orjson.dumps(row, default=str)
        except TypeError:  # numbers beyond 64 bits, half a surrogate pair
            return meta_json(json.loads(json.dumps(row, default=str), parse_constant=lambda _: None)).encode()


def excerpt(content: bytes | str) -> str:
    """Show the beginning of something broken, as text that can be written anywhere."""
    if isinstance(content, str):
        return content[:EXCERPT].encode("utf-8", "backslashreplace").decode()
    return content[:EXCERPT].decode("utf-8", "backslashreplace")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _turns(value: Any) -> tuple[Turn, ...]:
    if isinstance(value, tuple):  # read already
        return value
    return read_turns(value)


def _dig(row: Any, name: str) -> Any:
    """Find a field by its name, or by a path with dots."""
    if isinstance(row, Mapping) and name in row:
        return row[name]
    for key in name.split("."):
        if not isinstance(row, Mapping) or key not in row:
            return None
        row = row[key]
    return row


def _index(answer: Any, options: list[str]) -> int | None:
    """Read which choice is right: its number from 0, its text, or its letter."""
    if answer is None:
        return None
    if isinstance(answer, str):
        if answer in options:
            return options.index(answer)
        letter = answer.strip().strip("().").upper()
        if len(letter) == 1 and "A" <= letter <= "Z":
            answer = ord(letter) - ord("A")
    found = int(answer)
    if not 0 <= found < len(options):
        raise ValueError(f"answer {answer!r} is not one of {len(options)} choices")
    return found
