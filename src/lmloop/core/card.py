"""A run card: what a finished folder is, what made it, from what, and how to know that it is whole."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any

from lmloop.core.draft import DRAFT, draft
from lmloop.core.errors import DataError

CARD = "run.json"
WORK = "work"
"""What a step keeps in this folder of its own is there only to be gone on with: it is no part of the result."""

BEGUN = "begun.json"
"""What says of an unfinished folder which result it will be, and who began it; it is no part of the result."""

PACKAGES = ("lmloop", "numpy", "pyarrow", "numba", "torch", "transformers", "tokenizers")


@dataclass(frozen=True, slots=True)
class Card:
    """What ``run.json`` holds.

    ``settings`` are the step's with all defaults; ``parents`` maps each wire to the folder or log position
    it stood for; ``outside`` is what the step read that no step made; ``files`` maps each file of the folder
    to its size in bytes and BLAKE2b digest. ``number`` rises with each run of a home: clocks can go backwards.
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
    number: int = 0

    @property
    def folder(self) -> str:
        """The folder's name: readable, and another whenever anything upstream is another."""
        return folder_name(self.id, self.key)

    def write(self, folder: Path) -> None:
        """Write the card; it is the last file a folder gets."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False, default=str) + "\n"
        with draft(folder / CARD) as place:
            place.write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Card":
        """Read the card of a folder. What a newer lmloop wrote in it beyond this is left out.

        Raises:
            DataError: there is none, or it is damaged.
        """
        try:
            said = json.loads((folder / CARD).read_text(encoding="utf-8"))
            card = cls(**{each.name: said[each.name] for each in fields(cls) if each.name in said})
            _check(card)
        except (FileNotFoundError, NotADirectoryError):
            raise DataError(f"{folder} is no finished run: it has no {CARD}") from None
        except (OSError, ValueError, TypeError, RecursionError) as bad:
            raise DataError(f"the run card {folder / CARD} is damaged: {bad}") from None
        return card


def _check(card: Card) -> None:
    texts = (card.id, card.use, card.makes, card.key, card.finished, card.recipe)
    tables = (card.settings, card.parents, card.metrics, card.versions, card.files, *card.files.values())
    numbers = (card.seed, card.seconds, card.number)
    for kind, values in ((str, texts), (dict, tables), ((int, float), numbers)):
        for value in values:
            if not isinstance(value, kind):
                raise TypeError(f"{value!r} is of the wrong type")
    if not all({"bytes", "digest"} <= set(row) for row in card.files.values()):
        raise ValueError("a file is listed without its size or digest")


def folder_name(step: str, key: str) -> str:
    """Name the folder of a step's result."""
    return f"{step}-{key[:8]}"


def list_files(folder: Path) -> dict[str, dict[str, Any]]:
    """List a folder's files with size in bytes and digest, in order.

    The card itself is left out, and so is what an unfinished run needs only to go on.
    """
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        passing = name in (CARD, BEGUN) or name.startswith(f"{WORK}/") or name.endswith(DRAFT)
        if path.is_file() and not passing:
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
