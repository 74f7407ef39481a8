"""Files that a part reads beside a recipe: word lists, benchmarks, samples.

A recipe says ``files = ["lists/bad.txt"]``, relative to its own folder. What such a file holds is part of the part's
identity, where it lies is not: edit it, and what it made is made again; move it, and nothing happens.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic_core import core_schema

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
        return core_schema.no_info_after_validator_function(cls._found, core_schema.str_schema())

    @classmethod
    def _found(cls, name: str) -> "OutsideFile":
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
        """Read a list: its lines without white space at their ends; blank ones and those that begin with # are left out."""
        lines = (line.strip() for line in self.path.read_text(encoding="utf-8-sig").splitlines())
        return [line for line in lines if line and not line.startswith("#")]


def _digest() -> Any:
    return hashlib.blake2b(digest_size=16)
