"""A run card: what a finished folder is, what made it, from what, and how to know that it is whole."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from lmloop.core.errors import DataError

CARD = "run.json"
PACKAGES = ("lmloop", "numpy", "pyarrow", "numba", "torch", "transformers", "tokenizers")


@dataclass(frozen=True, slots=True)
class Card:
    """What ``run.json`` holds.

    ``settings`` are the step's with all defaults; ``parents`` maps each wire to the folder or log position
    it stood for; ``outside`` is what the step read that no step made; ``files`` maps each file of the folder
    to its size in bytes and BLAKE2b digest.
    """

    id: str
    use: str
    makes: str
    key: str
    seed: int
    settings: Mapping[str, Any]
    parents: Mapping[str, str]
    outside: Any = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    finished: str = ""
    recipe: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The folder's name: readable, and another whenever anything upstream is another."""
        return folder_name(self.id, self.key)

    def write(self, folder: Path) -> None:
        """Write the card; it is the last file a folder gets."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False, default=str) + "\n"
        place = folder / f"{CARD}.tmp"
        with place.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        place.replace(folder / CARD)

    @classmethod
    def read(cls, folder: Path) -> "Card":
        """Read the card of a folder.

        Raises:
            DataError: there is none, or it is damaged.
        """
        try:
            return cls(**json.loads((folder / CARD).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise DataError(f"{folder} is no finished run: it has no {CARD}") from None
        except (OSError, ValueError, TypeError) as bad:
            raise DataError(f"the run card {folder / CARD} is damaged: {bad}") from None


def folder_name(step: str, key: str) -> str:
    """Name the folder of a step's result."""
    return f"{step}-{key[:8]}"


def list_files(folder: Path) -> dict[str, dict[str, Any]]:
    """List a folder's files with size in bytes and digest, in order; the card itself is left out."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in (CARD, f"{CARD}.tmp"):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
            files[name] = {"bytes": path.stat().st_size, "digest": digest}
    return files


def damage(folder: Path, card: Card, thorough: bool = False) -> str:
    """Say what is wrong with a folder: a file missing, of another size or, if thorough, of other content.

    Gives an empty text when it is whole.
    """
    for name, expected in card.files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != expected["bytes"]:
            return f"{name} has {path.stat().st_size} bytes, not {expected['bytes']}"
    if thorough and (found := list_files(folder)) != dict(card.files):
        changed = [name for name in sorted({*found, *card.files}) if found.get(name) != card.files.get(name)]
        return f"content differs: {', '.join(changed[:5])}"
    return ""


def versions() -> dict[str, str]:
    """List the versions of what computes."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
