"""Files that a part reads beside a recipe: word lists, benchmarks, samples.

A recipe says ``files = ["lists/bad.txt"]``, relative to its own folder. What such a file holds is part of the part's
identity, where it lies is not: edit it, and what it made is made again; move it, and nothing happens.
"""

import csv
import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic_core import core_schema

from lmloop.core.card import CARD
from lmloop.core.errors import DataError

RECORDS = (".jsonl", ".json", ".csv", ".parquet")

_BESIDE: ContextVar[Path | None] = ContextVar("beside", default=None)


@contextmanager
def beside(folder: Path) -> Iterator[None]:
    """While open, relative names are looked up in this folder: that of the recipe being read."""
    token = _BESIDE.set(folder.resolve())
    try:
        yield
    finally:
        _BESIDE.reset(token)


def resolve(name: str) -> Path:
    """Find the place of a name: relative to the recipe being read, or to the folder that one is in."""
    path = Path(name)
    return path if path.is_absolute() else (_BESIDE.get() or Path.cwd()) / path


class OutsideFile(str):
    """The name of a file that a part reads, as a setting; it must be there before anything runs."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(cls.found, core_schema.str_schema())

    @classmethod
    def found(cls, name: str) -> "OutsideFile":
        """Find the file that a recipe means; raises a ValueError where there is none."""
        path = resolve(name)
        if not path.is_file():
            raise ValueError(f"there is no file {path}")
        return cls(path)

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self)

    def identity(self) -> dict[str, str]:
        """Tell it from another: its name and a digest of what it holds."""
        with self.path.open("rb") as file:
            return {"file": self.path.name, "digest": hashlib.file_digest(file, _digest).hexdigest()}

    def lines(self) -> list[str]:
        """Read a list: its lines, stripped; blank ones and those that begin with # are left out."""
        lines = (line.strip() for line in self.path.read_text(encoding="utf-8-sig").splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    def records(self) -> Iterator[list[str]]:
        """Read samples or questions: the texts of each record of a JSON, JSON Lines, CSV or Parquet file (or ``.gz``).

        Any other file is text, and its records are its paragraphs.

        Raises:
            DataError: it is not what its name says.
        """
        name = self.path.name.removesuffix(".gz")
        try:
            yield from (_texts(row) for row in self._rows(name[name.rfind(".") + 1 :].lower()))
        except (ValueError, OSError) as bad:
            raise DataError(f"{self.path} cannot be read: {bad}", hint="its name must say what it holds") from None

    def _rows(self, ending: str) -> Iterator[Any]:
        if ending == "parquet":
            import pyarrow.parquet as pq

            yield from pq.read_table(self.path).to_pylist()
            return
        opener = gzip.open if self.path.name.endswith(".gz") else open
        with opener(self.path, "rt", encoding="utf-8-sig", newline="") as file:
            if ending == "jsonl":
                yield from (json.loads(line) for line in file if line.strip())
            elif ending == "json":
                whole = json.load(file)
                yield from whole if isinstance(whole, list) else [whole]
            elif ending == "csv":
                yield from csv.reader(file)
            else:
                yield from file.read().replace("\r\n", "\n").split("\n\n")


class OutsideRecords(OutsideFile):
    """The name of a file of records, of a folder with such files in it or below, or of a finished run of records."""

    @classmethod
    def found(cls, name: str) -> "OutsideRecords":
        """Find what a recipe means; raises a ValueError where there is none."""
        path = resolve(name)
        if not path.exists():
            raise ValueError(f"there is no file or folder {path}")
        here = cls(path)
        if path.is_dir() and not here.files():
            raise ValueError(f"there are no records in {path}: no {', '.join(RECORDS)} file")
        return here

    def files(self) -> list[Path]:
        """List the files of records: all, or of a run those of its data."""
        if self.path.is_file():
            return [self.path]
        if (self.path / CARD).is_file():
            return sorted((self.path / "data").glob("*.parquet"))
        return sorted(path for path in self.path.rglob("*") if path.name.removesuffix(".gz").endswith(RECORDS))

    def identity(self) -> dict[str, str]:
        """Tell it from another: its name and a digest of what it holds."""
        if self.path.is_file():
            return super().identity()
        digest = _digest()
        for path in self.files():
            digest.update(f"{path.relative_to(self.path).as_posix()}\0".encode())
            digest.update(OutsideFile(path).identity()["digest"].encode())
        return {"folder": self.path.name, "digest": digest.hexdigest()}

    def labelled(self) -> Iterator[tuple[str, list[str]]]:
        """Read all records: where each comes from (``gsm8k/test.jsonl:12``), and its texts.

        Raises:
            DataError: a file is not what its name says.
        """
        run = (self.path / CARD).is_file()
        for path in self.files():
            place = path.name if path == self.path else f"{self.path.name}/{path.relative_to(self.path).as_posix()}"
            for number, texts in enumerate(_run_texts(path) if run else OutsideFile(path).records()):
                yield f"{place}:{number}", texts


def _run_texts(path: Path) -> Iterator[list[str]]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(1024, columns=["text", "prompt", "choices"]):
        for row in batch.to_pylist():
            yield _texts([row["text"] or "", row["choices"], [turn["text"] for turn in row["prompt"] or ()]])


def _texts(value: Any) -> list[str]:
    """List the strings in a record, however deep they lie."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list | tuple) else []


def _digest() -> Any:
    return hashlib.blake2b(digest_size=16)
