"""Files to read: names, folders and patterns become a list in a fixed order."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lmloop.core.errors import DataError
from lmloop.core.reader import Source


def expand(patterns: Sequence[str], base: Path, endings: Sequence[str]) -> Iterator[Source]:
    """List the files that names, folders and patterns stand for, each once, ordered by name.

    A relative pattern starts at ``base``, and so do the names of its sources. A folder means all files in and
    below it with one of the ``endings``.

    Raises:
        DataError: a pattern stands for no file.
    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        matches = _matches(pattern, base, tuple(endings))
        if not matches:
            raise DataError(f"no file matches {pattern!r}", hint=f"names are relative to {base.resolve()}")
        found.update((_name(path, base), path) for path in matches)
    for name in sorted(found):
        yield Source(found[name], name, found[name].stat().st_size)


def _matches(pattern: str, base: Path, endings: tuple[str, ...]) -> list[Path]:
    path = base / pattern
    if path.is_dir():
        return [file for file in path.rglob("*") if file.is_file() and file.name.endswith(endings)]
    if path.is_file():
        return [path]
    root = Path(path.anchor) if path.is_absolute() else Path()
    return [file for file in root.glob(str(path.relative_to(root))) if file.is_file()]


def _name(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()
