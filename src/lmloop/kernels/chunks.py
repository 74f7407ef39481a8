"""Documents in windows of units: characters, words, sentences or paragraphs."""

from typing import Any

import numpy as np
import pyarrow as pa

from lmloop.kernels.jit import compiled
from lmloop.kernels.pieces import PARAGRAPHS, SENTENCES, cut, text_array
from lmloop.kernels.text import Integers, TextBuffer
from lmloop.kernels.words import KIND_SYMBOL, segment


def unit_starts(buffer: TextBuffer, unit: str) -> tuple[Integers, Integers]:
    """Give the first byte of each unit, int64 [units], and which units a document has, int64 [documents + 1]."""
    if unit in ("sentences", "paragraphs"):
        pieces = cut(buffer, SENTENCES if unit == "sentences" else PARAGRAPHS)
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


def copy_ranges(buffer: TextBuffer, begin: Integers, stop: Integers) -> "pa.Array":
    """Make a column of ranges of bytes, which may overlap."""
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(stop - begin)])
    data = np.empty(int(offsets[-1]), np.uint8)
    _copy_ranges(buffer.data, begin, offsets, data)
    return text_array(TextBuffer(data, offsets))


@compiled
def _copy_ranges(data: Any, begin: Any, offsets: Any, out: Any) -> None:
    for k in range(len(begin)):
        shift = begin[k] - offsets[k]
        for i in range(offsets[k], offsets[k + 1]):
            out[i] = data[i + shift]
