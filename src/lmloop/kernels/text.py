"""Text as kernels see it: the bytes of an Arrow column, and reading code points, spaces and lines from them."""

# ruff: noqa: PLR1714  (a chain of comparisons is what compiles well; a set is not)

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lmloop.kernels.bits import HIGH_BITS, count_bits, load64
from lmloop.kernels.jit import compiled, inlined

Bytes: TypeAlias = npt.NDArray[np.uint8]
Integers: TypeAlias = npt.NDArray[np.int64]
Hashes: TypeAlias = npt.NDArray[np.uint64]
Floats: TypeAlias = npt.NDArray[np.float64]

REPLACEMENT = 0xFFFD  # stands for what is not UTF-8


class TextBuffer(NamedTuple):
    """A column of documents.

    ``data`` [bytes] is UTF-8, never written to; document ``i`` is ``data[offsets[i]:offsets[i + 1]]``,
    so ``offsets`` has one entry more than there are documents.
    """

    data: Bytes
    offsets: Integers


def text_buffer(array: "pa.Array | pa.ChunkedArray") -> TextBuffer:
    """See an Arrow column of strings as bytes and offsets; one chunk without nulls is not copied.

    A null is read as an empty document.
    """
    if isinstance(array, pa.ChunkedArray):
        # Together, chunks may hold more bytes than 32-bit offsets reach.
        array = array.chunk(0) if array.num_chunks == 1 else array.cast(pa.large_string()).combine_chunks()
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        array = array.cast(pa.large_string())
    if array.null_count:
        array = array.fill_null("")  # the bytes under a null are not ours to read
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, places, data = array.buffers()
    if places is None or len(array) == 0:
        return TextBuffer(read_only(np.zeros(0, np.uint8)), np.zeros(len(array) + 1, np.int64))
    offsets = np.frombuffer(places, width)[array.offset : array.offset + len(array) + 1]
    return TextBuffer(
        read_only(np.frombuffer(data or b"", np.uint8)),
        offsets.astype(np.int64),
    )


def read_only(data: Bytes) -> Bytes:
    """See an array so that it cannot be written: Arrow's memory is so, and kernels are compiled for one kind."""
    view = data.view()
    view.flags.writeable = False
    return view


def code_points(buffer: TextBuffer) -> Integers:
    """Count the code points of each document, as ``len(str)`` does: int64 [documents]."""
    counts = np.empty(len(buffer.offsets) - 1, np.int64)
    _code_points(buffer, counts)
    return counts


@inlined
def decode(data: Any, i: Any, end: Any) -> Any:
    """Read the code point at byte ``i`` and its width in bytes; broken UTF-8 gives U+FFFD and never leaves ``end``."""
    lead = np.int64(data[i])
    if lead < 0x80:
        return lead, np.int64(1)
    width = np.int64(2) if lead < 0xE0 else (np.int64(3) if lead < 0xF0 else np.int64(4))
    if i + width > end:
        return np.int64(REPLACEMENT), np.int64(1)
    if width == 2:
        return ((lead & 31) << 6) | np.int64(data[i + 1] & 63), width
    middle = np.int64(data[i + 1] & 63)
    if width == 3:
        return ((lead & 15) << 12) | (middle << 6) | np.int64(data[i + 2] & 63), width
    point = ((lead & 7) << 18) | (middle << 12) | (np.int64(data[i + 2] & 63) << 6) | np.int64(data[i + 3] & 63)
    if point > 0x10FFFF:
        point = np.int64(REPLACEMENT)
    return point, width


@inlined
def space_width(data: Any, i: Any, end: Any) -> Any:
    """Give the bytes of the white space at ``i``, 0 where there is none: the characters of ``str.isspace``."""
    lead = data[i]
    if lead <= 32:
        return 1 if (lead == 32 or (9 <= lead <= 13) or lead >= 28) else 0
    if lead < 0xC2 or lead > 0xE3:
        return 0
    point, width = decode(data, i, end)
    if point == 0x85 or point == 0xA0 or point == 0x1680 or (0x2000 <= point <= 0x200A):
        return width
    if point == 0x2028 or point == 0x2029 or point == 0x202F or point == 0x205F or point == 0x3000:
        return width
    return 0


@inlined
def line_break_width(data: Any, i: Any, end: Any) -> Any:
    r"""Give the bytes of the line boundary at ``i`` (0: none), as ``str.splitlines`` has them; ``\r\n`` is one."""
    lead = data[i]
    if lead == 13:
        return 2 if (i + 1 < end and data[i + 1] == 10) else 1
    if (10 <= lead <= 12) or (28 <= lead <= 30):
        return 1
    if lead != 0xC2 and lead != 0xE2:
        return 0
    point, width = decode(data, i, end)
    return width if (point == 0x85 or point == 0x2028 or point == 0x2029) else 0


@inlined
def skip_space(data: Any, start: Any, end: Any) -> Any:
    """Give the first byte from ``start`` on that is not white space."""
    while start < end:
        width = space_width(data, start, end)
        if width == 0:
            break
        start += width
    return start


@inlined
def trim_space(data: Any, start: Any, end: Any) -> Any:
    """Give where ``[start, end)`` ends without the white space at its end."""
    while end > start:
        last = end - 1
        while last > start and (data[last] & 0xC0) == 0x80:
            last -= 1
        if space_width(data, last, end) != end - last:
            break
        end = last
    return end


@inlined
def count_code_points(data: Any, start: Any, end: Any) -> Any:
    """Count the code points of ``[start, end)``: the bytes that do not continue one."""
    count = end - start
    words = count // 8
    for k in range(words):
        word = load64(data, start + 8 * k)
        count -= count_bits(word & ~(word << np.uint64(1)) & HIGH_BITS)
    for i in range(start + 8 * words, end):
        count -= (data[i] & 0xC0) == 0x80
    return count


@compiled
def _code_points(buffer: Any, counts: Any) -> None:
    for document in range(len(counts)):
        counts[document] = count_code_points(buffer.data, buffer.offsets[document], buffer.offsets[document + 1])
