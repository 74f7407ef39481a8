"""Files that a person names on the command line, as the step that reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmloop.core.errors import DataError


def ingest_steps(files: Sequence[str]) -> list[dict[str, Any]]:
    """Make the step ``raw`` that reads files of any format; none for no files.

    Raises:
        DataError: there is no such file.
    """
    for name in files:
        if not Path(name).exists() and not any(letter in name for letter in "*?[") and "://" not in name:
            raise DataError(f"there is no file or folder {name!r}")
    return [{"id": "raw", "use": "ingest", "reader": {"use": "files", "files": list(files)}}] if files else []
