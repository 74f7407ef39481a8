"""Files to read: names, folders, patterns and URLs become a list in a fixed order."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from lmloop.core.errors import DataError
from lmloop.core.reader import Source
from lmloop.core.remote import is_remote, list_remote

VERSION_CONTROL = {".git", ".hg", ".svn", ".bzr"}


def expand(patterns: Sequence[str], base: Path, endings: Sequence[str] | None) -> Iterator[Source]:
    """List the files that names, folders, patterns and URLs stand for, each once, ordered by name.

    A relative pattern starts at ``base``, and so do the names of its sources. A folder means all files in and
    below it with one of the ``endings``, in small letters or large; None means every file. What cannot be read is
    listed, too: a link that leads nowhere or to a folder, a pipe, a folder that cannot be opened.

    Raises:
        DataError: a pattern stands for no file.
    """
    found: dict[str, Source] = {}
    inside = os.path.join(base, "")  # noqa: PTH118  (thousands of names: plain text is ten times faster than paths)
    chosen = None if endings is None else tuple(endings)
    for pattern in patterns:
        if is_remote(pattern):
            found.update((source.name, source) for source in list_remote(pattern, chosen))
            continue
        matches = _matches(pattern, base, chosen)
        if not matches:
            raise DataError(f"no file matches {pattern!r}", hint=f"names are relative to {base.resolve()}")
        for path, refused in matches:
            name = _name(path, inside)
            found[name] = _source(path, name, refused)
    for name in sorted(found):
        yield found[name]


def _matches(pattern: str, base: Path, endings: tuple[str, ...] | None) -> list[tuple[str, str]]:
    path = base / pattern.removeprefix("file://")
    try:
        if path.is_dir():
            return list(_walk(str(path), endings))
        if path.exists() or path.is_symlink():
            return [(str(path), "")]
        root = Path(path.anchor) if path.is_absolute() else Path()
        found = root.glob(str(path.relative_to(root)))
        return [(str(file), "") for file in found if not file.is_dir()]
    except (ValueError, NotImplementedError, OSError) as bad:
        raise DataError(f"{pattern!r} is no name and no pattern: {bad}", hint="write notes/**/*.md, say") from None


def _walk(folder: str, endings: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
    """List the files below a folder, each with the reason why it is not to be read, if there is one."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        yield folder, ""
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if endings is None and entry.name in VERSION_CONTROL:
                yield entry.path, "version control"
            else:
                yield from _walk(entry.path, endings)
        elif entry.is_symlink() and entry.is_dir():
            yield entry.path, "a link to a folder"  # it may lead back, or to all of the disk: name it to have it read
        elif endings is None or entry.name.lower().endswith(endings):
            yield entry.path, ""


def _source(path: str, name: str, refused: str) -> Source:
    size = 0
    try:
        found = os.stat(path)  # noqa: PTH116  (see above)
    except OSError:
        pass
    else:
        if stat.S_ISREG(found.st_mode):
            size = found.st_size
        elif not stat.S_ISDIR(found.st_mode):
            refused = "no regular file"
    return Source(Path(path), name, size, refused=refused)


def _name(path: str, inside: str) -> str:
    """Name a file as text: a name that is no UTF-8 keeps its odd bytes as ``\\xe9``."""
    name = path.removeprefix(inside).replace(os.sep, "/")
    return os.fsencode(name).decode("utf-8", "backslashreplace")
