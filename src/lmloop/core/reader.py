"""A reader: files of one format in, records out."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, SerializeAsAny

from lmloop.core.batch import Batch, from_records, with_ids
from lmloop.core.part import Part, build
from lmloop.core.record import Record
from lmloop.core.row_names import row_names

BATCH_BYTES, BATCH_ROWS = 2 << 20, 2048


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a large file: from ``start`` to before ``stop`` (bytes or groups), and the rows ahead of it."""

    start: int
    stop: int
    first: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read: where it is, and the name its records carry, which is the same on any machine.

    ``url`` is set for a file that is not on this machine, and ``stamp`` then changes when the file does. ``refused``
    says why a file will not be read. ``piece`` limits the reading to a part of the file.
    """

    path: Path
    name: str
    size: int
    url: str = ""
    stamp: str = ""
    refused: str = ""
    piece: Piece | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """What could not be read: a file, or a place in it, with the reason. It is counted and set aside.

    ``excerpt`` shows the beginning of what stands there.
    """

    source: str
    reason: str
    detail: str = ""
    excerpt: str = ""


class Reader(Part):
    """Finds files and reads them, as a stream.

    One file is read by one process, from start to end, unless the reader can :meth:`cut` it. A reader that has
    whole columns at hand gives them in :meth:`read_batches`; the rows of both methods are the same.
    """

    @abstractmethod
    def sources(self, base: Path) -> Iterator[Source]:
        """List the files to read, in a fixed order. Relative paths start at ``base``."""

    @abstractmethod
    def read(self, source: Source) -> Iterator[Record | Reject]:
        """Stream the records of one file; what is broken becomes a reject, never a stop."""

    def read_batches(self, source: Source) -> "Iterator[Batch | Reject]":
        """Stream the records of one file as batches. Each is named by its file and its number there."""
        yield from in_batches(self.read(source), source)

    def cut(self, source: Source, size: int) -> Iterator[Source]:
        """Cut a file into pieces of about ``size`` bytes that can be read side by side; by default it stays whole."""
        yield source

    @classmethod
    def example(cls) -> Self:
        """Give a reader of all files of its format in a folder: what the battery tests."""
        required = {name for name, field in cls.model_fields.items() if field.is_required()}
        settings: dict[str, Any] = {"files": ["."]} if required == {"files"} else {}
        return cls(**settings)

    @classmethod
    def example_files(cls) -> Mapping[str, bytes]:
        """Give small files of the format by name, for the battery; plain text and JSON Lines it has."""
        return {}


def in_batches(items: Iterator[Record | Reject], source: Source) -> "Iterator[Batch | Reject]":
    """Put a file's records together to batches of at most some megabytes and some thousand rows.

    A record with half a surrogate pair, which is no UTF-8, is rejected.
    """
    waiting: list[Record] = []
    size, done = 0, 0
    for item in items:
        if isinstance(item, Reject):
            yield item
            continue
        if not _encodable(item):
            yield Reject(source.name, "lone surrogate", f"record {done + len(waiting)}")
            continue
        waiting.append(item)
        size += len(item.text)
        if size >= BATCH_BYTES or len(waiting) >= BATCH_ROWS:
            yield _named(waiting, source, done)
            done += len(waiting)
            waiting, size = [], 0
    if waiting:
        yield _named(waiting, source, done)


def _named(records: list[Record], source: Source, first: int) -> Batch:
    """Name records by where they stand, so that two copies of a text are two rows."""
    return with_ids(from_records(records), row_names(source.name, range(first, first + len(records))))


def _encodable(record: Record) -> bool:
    try:
        for text in (
            record.text,
            *record.choices,
            *(part for turn in record.prompt for part in (turn.role, turn.text)),
        ):
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


AnyReader = Annotated[SerializeAsAny[Reader], BeforeValidator(lambda spec: build("readers", spec))]
"""A setting that holds a reader: a recipe names it, or gives a table with ``use``."""
