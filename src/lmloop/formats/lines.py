"""Lines of a stream in blocks, with a bound on each; and where a large file of lines can be cut."""

import os
from collections.abc import Iterator
from typing import BinaryIO

from lmloop.core.reader import Piece, Source
from lmloop.formats.opening import is_packed

CHUNK = 1 << 20


def line_blocks(stream: BinaryIO, most: int, piece: Piece | None = None) -> Iterator[tuple[int, list[bytes | None]]]:
    """Stream lines, without their ends, in lists of about a megabyte, each with the number of its first line (from 1).

    A line of more than ``most`` bytes is given as None, and never held whole. Of a ``piece`` only its bytes are read.
    """
    number, left = 1, None
    if piece is not None:
        stream.seek(piece.start)
        number, left = piece.first + 1, piece.stop - piece.start
    open_line: list[bytes] = []
    size = 0
    while chunk := stream.read(CHUNK if left is None else min(CHUNK, left)):
        left = None if left is None else left - len(chunk)
        head, newline, rest = chunk.partition(b"\n")
        if size <= most:
            open_line.append(head)
        size += len(head)
        if not newline:
            continue
        lines: list[bytes | None] = [b"".join(open_line) if size <= most else None]
        *whole, last = rest.split(b"\n")
        lines += whole if most >= CHUNK else [line if len(line) <= most else None for line in whole]
        yield number, lines
        number += len(lines)
        open_line, size = [last], len(last)
    if size:
        yield number, [b"".join(open_line) if size <= most else None]


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
