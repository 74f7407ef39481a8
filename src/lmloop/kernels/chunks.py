"""Documents in windows of units: characters, words, sentences or paragraphs."""

from typing import Any

import numpy as np
import pyarrow as pa

from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.pieces import LINES, PARAGRAPHS, SENTENCES, cut, text_array
from lmloop.kernels.text import Integers, TextBuffer
from lmloop.kernels.words import KIND_SYMBOL, segment

PIECES = {"sentences": SENTENCES, "lines": LINES, "paragraphs": PARAGRAPHS}


def unit_starts(buffer: TextBuffer, unit: str) -> tuple[Integers, Integers]:
    """Give the first byte of each unit, int64 [units], and which units a document has, int64 [documents + 1]."""
    if unit in PIECES:
        pieces = cut(buffer, PIECES[unit])
        return pieces.start, pieces.first
    if unit == "words":
        tokens = segment(buffer)
        words = tokens.kind != KIND_SYMBOL
        document = np.repeat(np.arange(len(tokens.first) - 1), np.diff(tokens.first))
        starts = (tokens.start + buffer.offsets[document])[words]
    else:
        begin, end = buffer.offsets[0], buffer.offsets[-1]
        starts = np.flatnonzero((buffer.data[begin:end] & 0xC0) != 0x80) + begin
    return starts, np.searchsorted(starts, buffer.offsets)


def windows(
    buffer: TextBuffer, starts: Integers, first: Integers, size: int, overlap: int
) -> tuple[Integers, Integers, Integers, Integers]:
    """Lay windows over the units: each one's document, number there, first byte and end; int64 [windows] each.

    Every document has one window or more; the first begins, and the last ends, where the document does.
    """
    step = size - overlap
    counts = np.maximum(-(-(np.diff(first) - overlap) // step), 1)
    document = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(document)) - np.repeat(np.cumsum(counts) - counts, counts)
    bounds = np.append(starts, buffer.offsets[-1])
    head, tail = first[document] + place * step, first[document] + place * step + size
    begin = np.where(place == 0, buffer.offsets[document], bounds[np.minimum(head, len(starts))])
    last = place == counts[document] - 1
    stop = np.where(last, buffer.offsets[document + 1], bounds[np.minimum(tail, len(starts))])
    return document, place, begin, stop


def bordered_windows(
    buffer: TextBuffer, starts: Integers, borders: Integers, size: int, overlap: int
) -> tuple[Integers, Integers, Integers, Integers]:
    """As :func:`windows`, but each ends at the last border, a first byte in ``borders``, that leaves it so many units.

    Where there is none, it ends behind its last unit. An overlap begins at the first border that makes it no longer
    than asked for, or else as it would without borders.
    """
    count = _bordered(buffer.offsets, starts, borders, (size, overlap), np.empty((4, 0), np.int64), False)
    found = np.empty((4, count), np.int64)
    _bordered(buffer.offsets, starts, borders, (size, overlap), found, True)
    return found[0], found[1], found[2], found[3]


def copy_ranges(buffer: TextBuffer, begin: Integers, stop: Integers) -> "pa.Array":
    """Make a column of ranges of bytes, which may overlap."""
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(stop - begin)])
    data = np.empty(int(offsets[-1]), np.uint8)
    _copy_ranges(buffer.data, begin, offsets, data)
    return text_array(TextBuffer(data, offsets))


@inlined
def first_from(places: Any, byte: Any) -> Any:
    """Give the number of the first place at a byte or behind it."""
    low, high = 0, len(places)
    while low < high:
        middle = (low + high) // 2
        if places[middle] < byte:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def next_begin(begin: Any, stop: Any, starts: Any, borders: Any, overlap: Any) -> Any:
    """Give where the window behind ``[begin, stop)`` begins: up to ``overlap`` units before its end."""
    if overlap == 0:
        return stop
    unit = first_from(starts, stop) - overlap
    back = max(starts[max(unit, 0)], begin)
    border = first_from(borders, back)
    if border < len(borders) and begin < borders[border] < stop:
        return borders[border]
    return back if back > begin else stop


@compiled
def _bordered(offsets: Any, starts: Any, borders: Any, limits: Any, found: Any, fill: Any) -> Any:
    size, overlap = limits
    count = 0
    for document in range(len(offsets) - 1):
        begin, end, place = offsets[document], offsets[document + 1], 0
        done = begin  # where the window before ended: none lies within another
        while True:
            after = first_from(starts, begin) + size
            stop = starts[after] if after < len(starts) and starts[after] < end else end
            if stop < end:
                border = first_from(borders, stop + 1) - 1
                if border >= 0 and borders[border] > done:
                    stop = borders[border]
            if fill:
                found[0, count], found[1, count], found[2, count], found[3, count] = document, place, begin, stop
            count += 1
            place += 1
            if stop >= end:
                break
            done = stop
            begin = next_begin(begin, stop, starts, borders, overlap)
    return count


@compiled
def _copy_ranges(data: Any, begin: Any, offsets: Any, out: Any) -> None:
    for k in range(len(begin)):
        shift = begin[k] - offsets[k]
        for i in range(offsets[k], offsets[k + 1]):
            out[i] = data[i + shift]
