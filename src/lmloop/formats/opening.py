"""Open a source as a stream of plain bytes: local or remote, unpacked by its ending, and never without bound."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import pyarrow as pa

from lmloop.core.reader import Source
from lmloop.core.remote import open_remote

PACKED = (".gz", ".zst", ".bz2", ".xz")
CHUNK, STEP = 1 << 20, 1 << 15
FREE_BYTES = 32 << 20
"""So much may be unpacked whatever the ratio."""


class Broken(Exception):
    """A file cannot be read on from here: a reason in two words, and the detail."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def unpacked_name(name: str) -> str:
    """Give a file's name without the ending of its compression."""
    for ending in PACKED:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def is_packed(source: Source) -> bool:
    """Say whether a file is compressed as a whole."""
    return source.name.lower().endswith(PACKED)


def open_raw(source: Source) -> BinaryIO:
    """Open the bytes of a file as they are."""
    if source.refused:
        raise Broken(source.refused)  # a pipe, say: opening it would wait for ever
    return open_remote(source.url) if source.url else source.path.open("rb")


def open_plain(source: Source, max_ratio: float) -> BinaryIO:
    """Open the bytes of a file, unpacked.

    Reading raises :class:`Broken` where the packed data is broken, cut short, or unpacks to more than ``max_ratio``
    times its size.
    """
    raw = open_raw(source)
    if not is_packed(source):
        return raw
    return cast(BinaryIO, _Unpacked(_Counted(raw), source.name.lower(), max_ratio))


def read_whole(source: Source, most: int, max_ratio: float) -> bytes:
    """Read a whole file, unpacked.

    Raises:
        Broken: it holds more than ``most`` bytes, or cannot be unpacked.
    """
    if source.size > most and not is_packed(source):
        raise Broken("too large", f"{source.size} bytes")
    with open_plain(source, max_ratio) as stream:
        content = bytearray()
        while len(content) <= most and (more := stream.read(min(CHUNK, most + 1 - len(content)))):
            content += more
    if len(content) > most:
        raise Broken("too large", f"over {most} bytes")
    return bytes(content)


class _Counted(io.RawIOBase):
    """The packed bytes: how many were read, and whether it was the machine that failed."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw, self.count, self.failed = raw, 0, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            content = self.raw.read(len(buffer))
        except OSError:
            self.failed = True
            raise
        buffer[: len(content)] = content
        self.count += len(content)
        return len(content)

    def close(self) -> None:
        self.raw.close()
        super().close()


class _Unpacked(io.RawIOBase):
    """The plain bytes of a packed file."""

    def __init__(self, packed: _Counted, name: str, max_ratio: float) -> None:
        self.packed, self.max_ratio, self.count = packed, max_ratio, 0
        with self._judging():
            self.plain = _unpack(packed, name)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._judging():
            # little at a time: what comes before a break is not lost with what comes behind it
            content = self.plain.read1(min(len(buffer), STEP))
        self.count += len(content)
        if self.count > FREE_BYTES and self.count > self.max_ratio * max(self.packed.count, 1):
            raise Broken("compression bomb", f"{self.packed.count} bytes unpack to more than {self.count}")
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self.packed.close()
        super().close()

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """Tell broken data from a machine that fails: both are OSErrors to most libraries."""
        try:
            yield
        except (EOFError, zlib.error, lzma.LZMAError, OSError, ValueError) as bad:
            if self.packed.failed:
                raise
            short = isinstance(bad, EOFError) or "runcated" in str(bad)
            raise Broken("truncated" if short else "broken compression", f"after {self.count} bytes: {bad}") from None


class _Zstandard:
    """The plain bytes of Zstandard data, one frame or several."""

    def __init__(self, packed: _Counted) -> None:
        self.stream = pa.CompressedInputStream(packed, "zstd")

    def read1(self, size: int) -> bytes:
        content: bytes = self.stream.read(size)
        return content


def _unpack(packed: _Counted, name: str) -> Any:
    if name.endswith(".gz"):
        return gzip.GzipFile(fileobj=cast(Any, packed))
    if name.endswith(".zst"):
        return _Zstandard(packed)
    return bz2.BZ2File(packed) if name.endswith(".bz2") else lzma.LZMAFile(cast(Any, packed))
