"""A reader: files of one format in, records out."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, SerializeAsAny

from lmloop.core.part import Part, build
from lmloop.core.record import Record


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read: where it is, and the name its records carry, which is the same on any machine."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Reject:
    """What could not be read: a file, or a place in it, with the reason. It is counted and set aside."""

    source: str
    reason: str
    detail: str = ""


class Reader(Part):
    """Finds files and reads them. One file is read by one process, from start to end, as a stream."""

    @abstractmethod
    def sources(self, base: Path) -> Iterator[Source]:
        """List the files to read, in a fixed order. Relative paths start at ``base``."""

    @abstractmethod
    def read(self, source: Source) -> Iterator[Record | Reject]:
        """Stream the records of one file; what is broken becomes a reject, never a stop."""


AnyReader = Annotated[SerializeAsAny[Reader], BeforeValidator(lambda spec: build("readers", spec))]
"""A setting that holds a reader: a recipe names it, or gives a table with ``use``."""
