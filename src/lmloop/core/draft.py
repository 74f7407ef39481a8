"""Files that are there whole or not at all, whatever happens while they are written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DRAFT = ".tmp"
"""How the name of an unfinished file ends; what an interrupted run left under such a name is removed."""


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Give a name to write under; when all went well, the file takes the place of ``path`` at once and on disk.

    Otherwise it is removed, which also gives a full disk its room back. The name is this process's own: a worker
    that outlives its run for a moment cannot write into the file of the next one.
    """
    place = draft_name(path)
    try:
        yield place
        finish(place, path)
    except BaseException:
        with suppress(OSError):
            place.unlink()
        raise


def draft_name(path: Path) -> Path:
    """Say where a file is written until it is finished."""
    return path.with_name(f"{path.name}.{os.getpid()}{DRAFT}")


def finish(place: Path, path: Path) -> None:
    """Put a draft that is written in its place."""
    sync(place)
    place.replace(path)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on disk."""
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    except PermissionError:  # Windows syncs only what is open for writing; the rename is safe there without
        pass
    finally:
        os.close(place)


def sweep(folder: Path) -> None:
    """Remove the drafts that a killed run left in a folder and below it."""
    for path in folder.rglob(f"*{DRAFT}"):
        if path.is_file():
            path.unlink(missing_ok=True)
