"""Files of all formats: each is read by the reader that knows the ending of its name."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from pydantic import model_validator

from lmloop.core.batch import Batch
from lmloop.core.files import expand
from lmloop.core.listing import own_names
from lmloop.core.part import build, find
from lmloop.core.reader import Reader, Reject, Source
from lmloop.core.record import Record
from lmloop.formats.opening import is_packed, unpacked_name

MARKS = {
    b"PAR1\x15": ("Parquet", ("parquet",)),
    b"ARROW1\0\0": ("Arrow", ("parquet",)),
    b"%PDF-": ("PDF", ("pdf",)),
    b"PK\x03\x04": ("a zip archive", ("epub", "office")),
    b"\x1f\x8b\x08": ("compressed by gzip", ("warc",)),
    b"\x28\xb5\x2f\xfd": ("compressed by Zstandard", ("warc",)),
    b"\xfd7zXZ\0": ("compressed by xz", ()),
}
"""How files begin that are surely no text, and the readers that know what to do with them."""


class Files(Reader):
    """Read a mixed tree: text, tables, pages, books, archives and code, each with the reader for its ending.

    ``files`` are names, folders, patterns or URLs; a folder means all that is in it. ``settings`` holds settings of
    readers by their names: ``settings = { jsonl = { text = "content" } }``. A file that no reader knows is rejected,
    as is one whose first bytes are of another format than its ending says, and what no reader may enter: a link to a
    folder, a pipe, a folder of version control.
    """

    version: ClassVar[int] = 2

    files: list[str]
    settings: dict[str, dict[str, Any]] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.settings:
            _reader(name, self)
        return self

    def identity(self) -> dict[str, Any]:
        """Give what tells its results from another's: the settings and versions of all readers are part of it."""
        readers = {name: _reader(name, self).identity() for name in sorted(set(_by_ending().values()))}
        for identity in readers.values():
            del identity["files"]
        return {**super().identity(), "readers": readers}

    def sources(self, base: Path) -> Iterator[Source]:
        """List all files; those that no reader knows say so."""
        for source in expand(self.files, base, None):
            yield source if source.refused else replace(source, refused=_refusal(source))

    def cut(self, source: Source, size: int) -> Iterator[Source]:
        """Cut a file as its reader does."""
        name = _reader_name(source)
        yield from _reader(name, self).cut(source, size) if name and not source.refused else (source,)

    def read(self, source: Source) -> Iterator[Record | Reject]:
        """Give the records of one file, read by the reader that knows it."""
        name = _reader_name(source)
        if source.refused or not name:
            yield Reject(source.name, source.refused or "no reader")
        else:
            yield from _reader(name, self).read(source)

    def read_batches(self, source: Source) -> "Iterator[Batch | Reject]":
        """Give the records of one file as batches."""
        name = _reader_name(source)
        if source.refused or not name:
            yield Reject(source.name, source.refused or "no reader")
        else:
            yield from _reader(name, self).read_batches(source)


@lru_cache(maxsize=1)
def _by_ending() -> dict[str, str]:
    """Map each ending that a reader claims to the reader's name."""
    found: dict[str, str] = {}
    for name in own_names("readers"):
        if name != Files.name():
            found.update(dict.fromkeys(getattr(find("readers", name), "formats", ()), name))
    return found


def _refusal(source: Source) -> str:
    """Say why no reader may have a file, or nothing: the ending is unknown, or what stands there is something else."""
    reader = _reader_name(source)
    if not reader:
        return f"no reader for {Path(unpacked_name(source.name)).suffix or 'no ending'}"
    if is_packed(source) or source.url:
        return ""
    with suppress(OSError), source.path.open("rb") as file:  # who reads it will say what is wrong
        start = file.read(max(map(len, MARKS)))
        for mark, (what, readers) in MARKS.items():
            if start.startswith(mark) and reader not in readers:
                return f"wrong ending: it is {what}"
    return ""


def _reader_name(source: Source) -> str:
    name = Path(unpacked_name(source.name)).name.lower()
    known = _by_ending()
    return known.get(Path(name).suffix, "") or known.get(name, "")


def _reader(name: str, files: Files) -> Reader:
    return _built(name, json.dumps(files.settings.get(name, {})))


@lru_cache(maxsize=64)
def _built(name: str, settings: str) -> Reader:
    """Build a reader once, not for each of a million files; which ones are to be read it is told one by one."""
    return cast(Reader, build("readers", {"use": name, "files": [], **json.loads(settings)}))
