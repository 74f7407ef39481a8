"""Files to read: names, folders and patterns become a list in a fixed order."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lmloop.core.errors import DataError
from lmloop.core.reader import Source


def expand(patterns: Sequence[str], base: Path, endings: Sequence[str]) -> Iterator[Source]:
    """List the files that names, folders and patterns stand for, each once, ordered by name.

    A relative pattern starts at ``base``, and so do the names of its sources. A folder means all files in and
    below it with one of the ``endings``. A link that leads nowhere and a folder that cannot be opened are listed,
    too: reading them fails, and what fails is counted.

    Raises:
        DataError: a pattern stands for no file.
    """
    found: dict[str, str] = {}
    inside = os.path.join(base, "")  # noqa: PTH118  (thousands of names: plain text is ten times faster than paths)
    for pattern in patterns:
        matches = _matches(pattern, base, tuple(endings))
        if not matches:
            raise DataError(f"no file matches {pattern!r}", hint=f"names are relative to {base.resolve()}")
        found.update((_name(path, inside), path) for path in matches)
    for name in sorted(found):
        yield Source(Path(found[name]), name, _size(found[name]))


def _matches(pattern: str, base: Path, endings: tuple[str, ...]) -> list[str]:
    path = base / pattern
    if path.is_dir():
        return list(_walk(str(path), endings))
    if path.is_file() or path.is_symlink():
        return [str(path)]
    root = Path(path.anchor) if path.is_absolute() else Path()
    try:
        found = root.glob(str(path.relative_to(root)))
        return [str(file) for file in found if file.is_file() or (file.is_symlink() and not file.exists())]
    except (ValueError, NotImplementedError, OSError) as bad:
        raise DataError(f"{pattern!r} is no name and no pattern: {bad}", hint="write notes/**/*.md, say") from None


def _walk(folder: str, endings: tuple[str, ...]) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        yield folder
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, endings)
        elif entry.name.endswith(endings) and (entry.is_file() or _leads_nowhere(entry)):
            yield entry.path


def _leads_nowhere(entry: "os.DirEntry[str]") -> bool:
    return entry.is_symlink() and not Path(entry.path).exists()


def _name(path: str, inside: str) -> str:
    """Name a file as text: a name that is no UTF-8 keeps its odd bytes as ``\\xe9``."""
    name = path.removeprefix(inside).replace(os.sep, "/")
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116  (see above)
    except OSError:
        return 0
