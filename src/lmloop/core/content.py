"""Digests of large files, computed once: as long as a file is not touched, its digest is looked up."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lmloop.core.draft import draft
from lmloop.core.user_cache import user_cache

FOLDER = "contents"
SMALL = 1 << 20
"""A file below this many bytes is read faster than its digest is found."""


def file_digest(path: Path) -> str:
    """Give the digest of what a file holds, 32 hexadecimal digits.

    That of a large one is kept under its place, size and time of change; where no folder can be written it is
    computed in each process.
    """
    state = path.stat()
    if state.st_size < SMALL:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    sign = [str(path.resolve()), state.st_size, state.st_mtime_ns, state.st_ino]
    place = user_cache() / FOLDER / hashlib.blake2b(json.dumps(sign).encode(), digest_size=16).hexdigest()
    with suppress(OSError, ValueError):
        found = place.read_text(encoding="ascii")
        if len(found) == 32:
            return found
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with draft(place) as temporary:
            temporary.write_text(digest, encoding="ascii")
    return digest


def files_digest(paths: Iterable[Path]) -> str:
    """Give one digest of some files: of their names and of what they hold, wherever they lie."""
    whole = hashlib.blake2b(digest_size=16)
    for path in sorted(paths, key=lambda path: path.name):
        whole.update(f"{path.name}\0{file_digest(path)}\0".encode())
    return whole.hexdigest()


def settings_digest(told: Mapping[str, Any]) -> str:
    """Give the digest of settings that name what they use by what it holds."""
    return hashlib.blake2b(json.dumps(dict(told)).encode(), digest_size=16).hexdigest()
