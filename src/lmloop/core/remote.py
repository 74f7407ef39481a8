"""Files that are not on this machine, by fsspec URL: ``s3://``, ``https://``, ``hf://``, ``zip://*::a.zip``, ..."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.core.reader import Source

EXTRA = "ingest"
URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
SECRET = re.compile(r"(?<=://)[^/@]*:[^/@]*@")
PASSING = ("name", "mode", "uid", "gid", "ino", "nlink", "islink", "created", "atime")
"""What a listing says of a file that may change while the file stays."""


def is_remote(name: str) -> bool:
    """Say whether a name is a URL of something that must be opened through fsspec."""
    return bool(URL.match(name)) and not name.startswith("file://")


def list_remote(url: str, endings: tuple[str, ...] | None) -> Iterator[Source]:
    """List the files that a URL stands for: one, those below a folder, or those that match a pattern.

    Raises:
        DataError: there is none, or it cannot be reached.
    """
    fsspec = need("fsspec", EXTRA)
    head, _, chain = url.partition("::")
    with _reaching(url):
        files, path = fsspec.core.url_to_fs(url)
        found = _listed(files, path, endings)
    if not found:
        raise DataError(f"no file matches {_public(url)!r}", hint="look at the URL, and at who may read it")
    for name in sorted(found):
        place = files.unstrip_protocol(name) if not head.startswith("http") else name
        place += f"::{chain}" if chain else ""
        yield Source(Path(), _public(place), int(found[name].get("size") or 0), place, _stamp(found[name]))


def open_remote(url: str) -> BinaryIO:
    """Open a remote file for reading.

    Raises:
        OSError: it cannot be reached.
    """
    fsspec = need("fsspec", EXTRA)
    try:
        return cast(BinaryIO, fsspec.open(url, "rb").open())
    except (ImportError, ValueError) as bad:
        raise OSError(str(bad)) from bad


def _listed(files: Any, path: str, endings: tuple[str, ...] | None) -> dict[str, Mapping[str, Any]]:
    if any(letter in path for letter in "*?["):
        found = files.glob(path, detail=True)
    elif files.isdir(path):
        found = files.find(path, detail=True)
        if endings is not None:
            found = {name: info for name, info in found.items() if name.lower().endswith(endings)}
    else:
        found = {path: files.info(path)}
    return {name: info for name, info in found.items() if info.get("type", "file") == "file"}


def _stamp(info: Mapping[str, Any]) -> str:
    """Digest what a listing says of a file: its size, and its ETag, checksum or time of change where there is one."""
    said = {name: value for name, value in info.items() if name not in PASSING}
    body = json.dumps(said, sort_keys=True, default=str)
    return hashlib.blake2b(body.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _public(url: str) -> str:
    """Leave passwords out of a URL: it becomes part of every record."""
    return SECRET.sub("", url)


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    try:
        yield
    except ImportError as bad:
        raise DataError(f"{_public(url)!r} cannot be opened: {bad}", hint="install what it names") from None
    except Exception as bad:  # each file system has errors of its own
        raise DataError(
            f"{_public(url)!r} cannot be reached: {type(bad).__name__}: {bad}",
            hint="look at the URL, at the network, and at who may read it",
        ) from None
