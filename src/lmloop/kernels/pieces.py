r"""Pieces of documents: lines, paragraphs and sentences, which were there before, and texts put together from some.

Pieces cover a document: each begins where the separator behind the one before it ends, so what is kept keeps
its own line ends and spaces.

* lines: split at each newline, as ``str.split("\n")`` does;
* paragraphs: split at two newlines or more;
* sentences: see :mod:`lmloop.kernels.sentences`; a newline ends one, too.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lmloop.kernels.hashing import hash_range, xxh64_range
from lmloop.kernels.jit import compiled
from lmloop.kernels.sentences import sentence_break, terminals
from lmloop.kernels.text import Hashes, Integers, TextBuffer, count_code_points, read_only

LINES, PARAGRAPHS, SENTENCES = 0, 1, 2


class Pieces(NamedTuple):
    """The pieces of a column, one behind the other, as places in its bytes.

    Piece ``k`` is ``data[start[k]:stop[k]]``, its separator reaches to the next piece or the document's end; document
    ``i`` has the pieces ``first[i]`` to ``first[i + 1]``. int64 [pieces] and int64 [documents + 1].
    """

    start: Integers
    stop: Integers
    first: Integers


def cut(buffer: TextBuffer, unit: int) -> Pieces:
    """Cut each document into :data:`LINES`, :data:`PARAGRAPHS` or :data:`SENTENCES`; an empty one is one piece."""
    first = np.zeros(len(buffer.offsets), np.int64)
    nothing = np.empty(0, np.int64)
    _cut(buffer, unit, terminals(), Pieces(nothing, nothing, first), False)
    pieces = Pieces(np.empty(first[-1], np.int64), np.empty(first[-1], np.int64), first)
    _cut(buffer, unit, terminals(), pieces, True)
    return pieces


def piece_hashes(buffer: TextBuffer, pieces: Pieces) -> Hashes:
    """Hash each piece to 128 bits: uint64 [pieces, 2]."""
    hashes = np.empty((len(pieces.start), 2), np.uint64)
    _piece_hashes(buffer.data, pieces, hashes)
    return hashes


def piece_lengths(buffer: TextBuffer, pieces: Pieces) -> Integers:
    """Count the code points of each piece: int64 [pieces]."""
    lengths = np.empty(len(pieces.start), np.int64)
    _piece_lengths(buffer.data, pieces, lengths)
    return lengths


def document_sums(values: npt.NDArray[Any], first: Integers) -> Integers:
    """Add up a value of each piece over the pieces of each document: int64 [documents]."""
    totals = np.concatenate([np.zeros(1, np.int64), np.cumsum(values, dtype=np.int64)])
    return np.asarray(totals[first[1:]] - totals[first[:-1]])


def keep_pieces(buffer: TextBuffer, pieces: Pieces, kept: npt.NDArray[np.bool_]) -> "pa.Array":
    """Put documents together from the pieces that are kept; one that loses its last ends without a separator."""
    data = np.empty(int(buffer.offsets[-1] - buffer.offsets[0]), np.uint8)
    offsets = np.zeros(len(buffer.offsets), np.int64)
    _keep_pieces(buffer, pieces, kept, data, offsets)
    return text_array(TextBuffer(data, offsets))


def text_array(buffer: TextBuffer) -> "pa.Array":
    """See bytes and offsets as an Arrow column of strings; nothing but the offsets is copied."""
    assert buffer.offsets[-1] < 2**31, "a batch holds less than 2 GiB of text"
    offsets = pa.py_buffer(buffer.offsets.astype(np.int32))
    return pa.StringArray.from_buffers(len(buffer.offsets) - 1, offsets, pa.py_buffer(read_only(buffer.data)))


@compiled
def _cut(buffer: Any, unit: Any, terminals: Any, pieces: Any, fill: Any) -> None:
    data, count = buffer.data, np.int64(0)
    for document in range(len(buffer.offsets) - 1):
        i, end = buffer.offsets[document], buffer.offsets[document + 1]
        if fill:
            pieces.start[count] = i
        while i < end:
            if data[i] == 10:
                after = i + 1
                while unit != LINES and after < end and data[after] == 10:
                    after += 1
                width = after - i if unit != PARAGRAPHS or after - i > 1 else 0
                stop = i
            elif unit == SENTENCES:
                stop, after = sentence_break(data, i, end, terminals)
                width = after - i if stop > 0 else 0
            else:
                width = 0
            if width == 0:
                i += 1
                continue
            i += width
            # a line feed at the end is followed by an empty line, as str.split has it; other units have no empty end
            if unit != LINES and i >= end:
                if fill:
                    pieces.stop[count] = stop
                break
            if fill:
                pieces.stop[count] = stop
                pieces.start[count + 1] = i
            count += 1
            stop = 0
        else:
            if fill:
                pieces.stop[count] = end
        count += 1
        pieces.first[document + 1] = count


@compiled
def _piece_hashes(data: Any, pieces: Any, hashes: Any) -> None:
    for k in range(len(hashes)):
        hashes[k, 0] = xxh64_range(data, pieces.start[k], pieces.stop[k], np.uint64(0))
        hashes[k, 1] = hash_range(data, pieces.start[k], pieces.stop[k])


@compiled
def _piece_lengths(data: Any, pieces: Any, lengths: Any) -> None:
    for k in range(len(lengths)):
        lengths[k] = count_code_points(data, pieces.start[k], pieces.stop[k])


@compiled
def _keep_pieces(buffer: Any, pieces: Any, kept: Any, data: Any, offsets: Any) -> None:
    place = np.int64(0)
    for document in range(len(offsets) - 1):
        begin, end = pieces.first[document], pieces.first[document + 1]
        bare = place  # where the text ends without the separator behind the last piece that is kept
        for k in range(begin, end):
            if not kept[k]:
                continue
            until = pieces.start[k + 1] if k + 1 < end else buffer.offsets[document + 1]
            bare = place + pieces.stop[k] - pieces.start[k]
            for i in range(pieces.start[k], until):
                data[place] = buffer.data[i]
                place += 1
        if begin < end and not kept[end - 1]:
            place = bare
        offsets[document + 1] = place
