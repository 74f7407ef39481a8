"""Scratch: folders for what is made only to be tried."""

from pathlib import Path
from tempfile import TemporaryDirectory

_KEPT: list[TemporaryDirectory[str]] = []


def scratch_folder() -> Path:
    """Make an empty folder, which is removed when the process ends."""
    _KEPT.append(TemporaryDirectory())
    return Path(_KEPT[-1].name)
