"""A reader: files of one format in, records out."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

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


AnyReader = Annotated[SerializeAsAny[Reader], BeforeValidator(lambda spec: build("readers", spec))]
"""A setting that holds a reader: a recipe names it, or gives a table with ``use``."""
