"""Files that a person names on the command line, as steps that read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmloop.core.errors import DataError

READERS = {".txt": "text", ".md": "text", ".rst": "text", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def ingest_steps(files: Sequence[str]) -> list[dict[str, Any]]:
    """Make an ingest step for each format that the files have.

    Raises:
        DataError: there is no such file, or no reader for it.
    """
    formats: dict[str, list[str]] = {}
    for name in files:
        for reader in _readers(Path(name)):
            formats.setdefault(reader, []).append(name)
    return [
        {"id": f"raw-{reader}", "use": "ingest", "reader": {"use": reader, "files": names}}
        for reader, names in formats.items()
    ]


def _readers(path: Path) -> list[str]:
    """Say which readers a file, a folder or a pattern needs, by the endings of its files."""
    if path.is_dir():
        endings = {file.suffix.lower() for file in path.rglob("*") if file.is_file()}
    elif path.exists() or path.suffix:
        endings = {path.suffix.lower()}
    else:
        endings = set()
    if not path.exists() and not any(letter in str(path) for letter in "*?["):
        raise DataError(f"there is no file or folder {str(path)!r}")
    readers = sorted({READERS[ending] for ending in endings if ending in READERS})
    if not readers:
        raise DataError(
            f"no reader for {str(path)!r}", hint=f"known endings: {', '.join(READERS)}; others want a recipe"
        )
    return readers
