"""Marks: the small file that a finished task leaves, so that a later run does not do it again.

A mark holds the task's result, a digest of the task, and the size of every file that it wrote. It counts only
as long as all that still fits: a mark of another task, or of files that are gone or cut short, is no mark.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from lmloop.core.draft import draft

Result: TypeAlias = dict[str, Any]
"""What a task gives: JSON. Paths under ``files`` are what it wrote; they are not given back."""


class Task(Protocol):
    """What a pool does: anything that can be pickled, has a name of its own and a size in bytes.

    It is a dataclass, or says all that it is in its ``repr``.
    """

    @property
    def name(self) -> str:
        """The name of the task, a file name."""
        ...

    @property
    def size(self) -> int:
        """How much work it is, for progress."""
        ...


def mark_file(done: Path, task: Task) -> Path:
    """Say where a task's mark lies."""
    return done / f"{task.name}.json"


def task_digest(done: Path, task: Task) -> str:
    """Tell tasks apart, by all that they say; paths count relative to ``done``, so that a home can be moved."""

    folders: dict[Path, str] = {}  # a task may name thousands of files, in a few folders

    def relative(value: Any) -> str:
        if not isinstance(value, Path):
            return repr(value)
        if value.parent not in folders:
            folders[value.parent] = os.path.relpath(value.parent, done)
        return f"{folders[value.parent]}/{value.name}"

    said = asdict(task) if is_dataclass(task) and not isinstance(task, type) else repr(task)
    return hashlib.blake2b(json.dumps(said, default=relative).encode(), digest_size=16).hexdigest()


def write_mark(done: Path, task: Task, digest: str, result: Mapping[str, Any]) -> None:
    """Put down that a task is done."""
    files = {os.path.relpath(path, done): Path(path).stat().st_size for path in result.get("files", ())}
    kept = {name: value for name, value in result.items() if name != "files"}
    with draft(mark_file(done, task)) as place:
        place.write_text(json.dumps({"task": digest, "files": files, "result": kept}), encoding="utf-8")


def read_mark(done: Path, task: Task, digest: str) -> Result | None:
    """Give a finished task's result; None where it must be done (again)."""
    try:
        mark = json.loads(mark_file(done, task).read_bytes())
        whole = mark["task"] == digest and all(
            (done / path).stat().st_size == size for path, size in mark["files"].items()
        )
        result: Result = dict(mark["result"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return result if whole else None


def forget_files(done: Path, folder: Path) -> None:
    """Let all marks stand though what lies in ``folder`` is removed: it is used up."""
    for place in sorted(done.glob("*.json")):
        mark = json.loads(place.read_bytes())
        kept = {name: size for name, size in mark["files"].items() if not _inside(folder, done / name)}
        if kept != mark["files"]:
            with draft(place) as new:
                new.write_text(json.dumps(mark | {"files": kept}), encoding="utf-8")


def _inside(folder: Path, path: Path) -> bool:
    return os.path.commonpath([folder.absolute(), os.path.normpath(path.absolute())]) == str(folder.absolute())
