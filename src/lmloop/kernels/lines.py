"""The lines of a column: what stands between line feeds, cut and hashed once for all rules that look at lines."""

from typing import Any, NamedTuple

import numpy as np

from lmloop.kernels.bits import LOW_BITS, bytes_before, load64, zero_bytes
from lmloop.kernels.hashing import hash_range
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Hashes, Integers, TextBuffer

NEWLINES = LOW_BITS * np.uint64(10)


class Lines(NamedTuple):
    """The lines of a column that are not empty, one behind the other.

    Document ``i`` has the lines ``first[i]`` to ``first[i + 1]``; ``first`` int64 [documents + 1]. For each line:
    ``hash`` (uint64, of its bytes without the line feed), ``start`` and ``end`` (int64, bytes, counted from the
    beginning of its document).
    """

    hash: Hashes
    start: Integers
    end: Integers
    first: Integers


def cut_lines(buffer: TextBuffer) -> Lines:
    """Cut each document at its line feeds."""
    documents = len(buffer.offsets) - 1
    text = buffer.data[buffer.offsets[0] : buffer.offsets[-1]]
    room = int(np.count_nonzero(text == 10)) + documents
    lines = empty_lines(room, np.zeros(documents + 1, np.int64))
    _cut_lines(buffer, lines)
    count = lines.first[-1]
    return Lines(lines.hash[:count], lines.start[:count], lines.end[:count], lines.first)


def empty_lines(room: int, first: Integers) -> Lines:
    """Make room for lines."""
    return Lines(np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64), first)


@inlined
def find_newline(data: Any, i: Any, end: Any) -> Any:
    """Give the place of the next line feed from ``i`` on, or ``end``; looks at 8 bytes at a time."""
    while i + 8 <= end:
        found = zero_bytes(load64(data, i) ^ NEWLINES)
        if found != 0:
            return i + bytes_before(found)
        i += 8
    while i < end and data[i] != 10:
        i += 1
    return i


@compiled
def _cut_lines(buffer: Any, lines: Any) -> None:
    count = np.int64(0)
    for document in range(len(lines.first) - 1):
        start, end = buffer.offsets[document], buffer.offsets[document + 1]
        i = start
        while i < end:
            stop = find_newline(buffer.data, i, end)
            if stop > i:
                lines.hash[count] = hash_range(buffer.data, i, stop)
                lines.start[count] = i - start
                lines.end[count] = stop - start
                count += 1
            i = stop + 1
        lines.first[document + 1] = count
