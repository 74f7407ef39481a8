"""Lines of a stream in blocks, with a bound on each; and where a large file of lines can be cut."""

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from lmloop.core.reader import Piece, Source
from lmloop.formats.opening import is_packed

CHUNK = 1 << 20


class Block(NamedTuple):
    """Some whole lines: the number of the first (from 1), their bytes, and how many they are.

    The last ends with a line feed, but where the file does not. ``data`` is None for one line that is too long.
    """

    first: int
    data: bytes | None
    total: int

    def lines(self, most: int) -> Iterator[tuple[int, bytes | None]]:
        """Give each line without its end, and its number; one of more than ``most`` bytes as None."""
        lines = [None] if self.data is None else self.data.split(b"\n")
        for number, line in enumerate(lines[: self.total], self.first):
            yield number, line if line is not None and len(line) <= most else None


def line_blocks(stream: BinaryIO, most: int, piece: Piece | None = None) -> Iterator[Block]:
    """Stream lines in blocks of about a megabyte.

    A line of more than ``most`` bytes that is not within one chunk is never held whole. Of a ``piece`` only its bytes
    are read. What comes before a failure to read on is given before that is raised.
    """
    number, left = 1, None
    if piece is not None:
        stream.seek(piece.start)
        number, left = piece.first + 1, piece.stop - piece.start
    open_line: list[bytes] = []
    size = 0
    for chunk in _chunks(stream, left):
        end, first = chunk.rfind(b"\n") + 1, chunk.find(b"\n") + 1
        if not end:
            if size <= most:
                open_line.append(chunk)
            size += len(chunk)
            continue
        too_long = size + first - 1 > most
        if too_long:
            yield Block(number, None, 1)
            number += 1
        data = chunk[first:end] if too_long else b"".join([*open_line, chunk[:end]])
        if data:
            yield Block(number, data, total := data.count(b"\n"))
            number += total
        open_line, size = [chunk[end:]], len(chunk) - end
    if size:
        yield Block(number, b"".join(open_line) if size <= most else None, 1)


def _chunks(stream: BinaryIO, left: int | None) -> Iterator[bytes]:
    """Read a stream, or the next ``left`` bytes of it, a megabyte at a time, though it may give less at once."""
    while True:
        parts: list[bytes] = []
        wanted = CHUNK if left is None else min(CHUNK, left)
        try:
            while wanted and (part := stream.read(wanted)):
                parts.append(part)
                wanted -= len(part)
        except Exception:
            yield b"".join(parts)
            raise
        if not parts:
            return
        left = None if left is None else left - sum(map(len, parts))
        yield b"".join(parts)


def cut_lines(source: Source, size: int) -> Iterator[Source]:
    """Cut a plain local file into pieces of about ``size`` bytes that end with a line; others stay whole.

    The file is read through once, to count its lines: so a piece knows the number of its first one.
    """
    if source.url or source.refused or is_packed(source) or source.size < 2 * size:
        yield source
        return
    try:
        pieces = list(_line_pieces(source, size))
    except OSError:  # reading it will say so
        yield source
        return
    for piece in pieces:
        yield Source(source.path, source.name, piece.stop - piece.start, piece=piece)


def _line_pieces(source: Source, size: int) -> Iterator[Piece]:
    with source.path.open("rb") as file:
        start = place = first = count = 0
        while chunk := file.read(CHUNK):
            if place + len(chunk) - start >= size and (end := chunk.find(b"\n", max(0, start + size - place - 1))) >= 0:
                stop = place + end + 1
                yield Piece(start, stop, first)
                first += count + chunk.count(b"\n", 0, end + 1)
                start, count = stop, 0
                place = stop
                file.seek(stop, os.SEEK_SET)
                continue
            count += chunk.count(b"\n")
            place += len(chunk)
        if place > start:
            yield Piece(start, place, first)
