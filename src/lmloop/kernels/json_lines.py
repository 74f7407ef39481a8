"""Lines of JSON become columns: the text unescaped, the other fields as one JSON object a row, without a value each.

A line is ``PLAIN`` where it is an object of different fields whose values are strings without escapes, numbers written
as short as can be, true, false or null, beside one text with or without escapes. Its fields are written as ``orjson``
would write them, to the byte. A line is for ``FIELDS`` where only its text can be taken here. Any other line is
``ODD``: it may be broken, or nested, or mean something else, and what it means is for the caller to say.
"""

# ruff: noqa: PLR1714, SIM110  (loops and a chain of comparisons is what compiles well; a set is not)

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.hashing import hash_range
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.json_values import (
    CLOSE,
    COLON,
    COMMA,
    DECIMAL,
    NEWLINE,
    NO_VALUE,
    NULL,
    OPEN,
    OTHER,
    QUOTE,
    STRING,
    TRUTH,
    copy,
    line_end,
    plain_end,
    skip_blanks,
    unescape,
    value_end,
)
from lmloop.kernels.text import Bytes, Hashes, Integers, read_only

BLANK, PLAIN, FIELDS, ODD, LONG = range(5)
"""What a line is: empty, all taken, its text taken, nothing taken, or longer than allowed."""

TEXT, PROMPT, CHOICES, SOURCE, ID, KEPT = range(6)
"""The places of the names that a reader looks for: those from ``KEPT`` on are the fields to keep."""

MOST_FIELDS = 32
DECIMALS_PER_LINE = 4  # on average


class Names(NamedTuple):
    """The names to look for, one behind the other in UTF-8: name ``k`` is ``data[ends[k]:ends[k + 1]]``.

    ``whole`` says that all fields are kept, and not only those that are named.
    """

    data: Bytes
    ends: Integers
    whole: bool


class Lines(NamedTuple):
    """The lines of a block.

    For each: ``kind``; ``bounds`` int64 [lines, 2], its bytes without the end; ``value`` int64 [lines, 2], where its
    text stands with the quotes. What was taken of line ``i`` is ``text[text_ends[i]:text_ends[i + 1]]``, and so for
    ``meta`` and ``ids``; nothing where there is none.
    """

    kind: npt.NDArray[np.uint8]
    bounds: Integers
    value: Integers
    text: Bytes
    text_ends: npt.NDArray[np.int32]
    meta: Bytes
    meta_ends: npt.NDArray[np.int32]
    ids: Bytes
    id_ends: npt.NDArray[np.int32]
    decimals: "Decimals"


class Decimals(NamedTuple):
    """The numbers of plain lines that may not be written as short as can be, which the caller has to see.

    ``total`` [1] is how many they are; number ``k`` stands on line ``line[k]`` as ``data[ends[k]:ends[k + 1]]``.
    """

    total: Integers
    line: npt.NDArray[np.int32]
    data: Bytes
    ends: npt.NDArray[np.int32]


class Room(NamedTuple):
    """Room for one line: ``keys`` [fields], the hashes of its names; ``spans`` [names, 2], where values stand."""

    keys: Hashes
    spans: Integers


def read_lines(
    block: bytes, count: int, names: tuple[Sequence[str], Sequence[str] | None], place: tuple[bytes, int], most: int
) -> Lines:
    """Read a block of ``count`` whole lines.

    ``names`` are those of the text, prompt, choices, source and id (or "", for none), and of the fields to keep (None:
    all). ``place`` is what each row's source begins with, as JSON, and the number of the first line. Lines of more than
    ``most`` bytes are not read.
    """
    fixed, kept = names
    encoded = [name.encode("utf-8", "surrogatepass") for name in (*fixed, *(kept or ()))]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    known = Names(read_only(np.frombuffer(b"".join(encoded), np.uint8)), ends, kept is None)
    source = read_only(np.frombuffer(place[0], np.uint8))
    room = Room(np.empty(MOST_FIELDS, np.uint64), np.empty((len(encoded), 2), np.int64))
    lines = _empty_lines(len(block), count, len(source))
    data = read_only(np.frombuffer(block, np.uint8))
    _read_lines(data, known, (source, place[1]), most, room, lines)
    return lines


def _empty_lines(size: int, count: int, source: int) -> Lines:
    bounds, value = np.zeros((count, 2), np.int64), np.zeros((count, 2), np.int64)
    text_ends, meta_ends, id_ends = (np.zeros(count + 1, np.int32) for _ in range(3))
    text, ids = np.empty(size + 8, np.uint8), np.empty(size, np.uint8)
    meta = np.empty(size + count * (source + 40), np.uint8)
    room = DECIMALS_PER_LINE * count
    line, ends = np.empty(room, np.int32), np.zeros(room + 1, np.int32)
    decimals = Decimals(np.zeros(1, np.int64), line, np.empty(size, np.uint8), ends)
    return Lines(np.zeros(count, np.uint8), bounds, value, text, text_ends, meta, meta_ends, ids, id_ends, decimals)


@inlined
def is_name(data: Any, start: Any, end: Any, names: Any, k: Any) -> Any:
    """Say whether ``data[start:end]`` is name number ``k``."""
    first, size = names.ends[k], names.ends[k + 1] - names.ends[k]
    if end - start != size:
        return False
    for i in range(size):
        if data[start + i] != names.data[first + i]:
            return False
    return True


@inlined
def is_new(key: Any, count: Any, room: Any) -> Any:
    """Take the hash of a field's name; gives whether there is room and none before is the same."""
    if count >= MOST_FIELDS:
        return False
    for k in range(count):
        if room.keys[k] == key:
            return False
    room.keys[count] = key
    return True


@inlined
def put_source(number: Any, source: Any, some: Any, out: Any, place: Any) -> Any:
    """Write the last field, the place of the row, and the end of the object."""
    if some:
        out[place] = COMMA
        place += 1
    place = copy(source, 0, len(source), out, place)
    digits, rest = 1, number
    while rest >= 10:
        rest //= 10
        digits += 1
    for k in range(digits - 1, -1, -1):
        out[place + k] = 48 + number % 10
        number //= 10
    place += digits
    out[place], out[place + 1] = QUOTE, CLOSE
    return place + 2


@inlined
def put_field(data: Any, field: Any, some: Any, out: Any, place: Any) -> Any:
    """Write a field, from the first to the last byte of its name and those of its value."""
    if some:
        out[place] = COMMA
        place += 1
    out[place] = QUOTE
    place = copy(data, field[0], field[1], out, place + 1)
    out[place], out[place + 1] = QUOTE, COLON
    return copy(data, field[2], field[3], out, place + 2)


@inlined
def put_kept(data: Any, names: Any, room: Any, some: Any, out: Any, place: Any) -> Any:
    """Write the fields to keep, in the order of their names; gives where they end, and whether there is any."""
    for k in range(KEPT, len(names.ends) - 1):
        if room.spans[k, 0] >= 0:
            if some:
                out[place] = COMMA
                place += 1
            out[place] = QUOTE
            place = copy(names.data, names.ends[k], names.ends[k + 1], out, place + 1)
            out[place], out[place + 1] = QUOTE, COLON
            place = copy(data, room.spans[k, 0], room.spans[k, 1], out, place + 2)
            some = True
    return place, some


@inlined
def take_field(data: Any, field: Any, kind: Any, names: Any, room: Any) -> Any:
    """Note where the value of a field stands that is to be kept or names the row; gives whether it can be taken."""
    if is_name(data, field[0], field[1], names, SOURCE) or kind == OTHER:
        return False
    if is_name(data, field[0], field[1], names, ID) and names.ends[ID] < names.ends[ID + 1]:
        if kind == TRUTH:
            return False
        inside = np.int64(kind == STRING)
        room.spans[ID, 0] = field[2] + inside if kind != NULL else -1
        room.spans[ID, 1] = field[3] - inside
    for k in range(KEPT, len(names.ends) - 1):
        if kind != NULL and is_name(data, field[0], field[1], names, k):
            room.spans[k, 0], room.spans[k, 1] = field[2], field[3]
    return True


@inlined
def is_noted(data: Any, start: Any, end: Any, line: Any, decimals: Any) -> Any:
    """Note a number; gives whether there is room."""
    k = decimals.total[0]
    if k == len(decimals.line):
        return False
    decimals.line[k] = line
    decimals.ends[k + 1] = copy(data, start, end, decimals.data, np.int64(decimals.ends[k]))
    decimals.total[0] = k + 1
    return True


@inlined
def field_name(data: Any, first: Any, stop: Any) -> Any:
    """Give where the name ends whose quote stands before ``first``, and where its value begins; 0 where it is none."""
    last = plain_end(data, first, stop)
    if last >= stop or data[first - 1] != QUOTE or data[last] != QUOTE:
        return last, np.int64(0)
    i = skip_blanks(data, last + 1, stop)
    if i >= stop or data[i] != COLON:
        return last, np.int64(0)
    i = skip_blanks(data, i + 1, stop)
    return last, i if i < stop else np.int64(0)


@compiled
def read_line(data: Any, i: Any, names: Any, room: Any, lines: Any, line: Any) -> Any:
    """Read the line that begins at ``i``; gives its kind, where it was left, and where text and fields end."""
    stop, place, meta = len(data), np.int64(lines.text_ends[line]), np.int64(lines.meta_ends[line])
    i = skip_blanks(data, i, stop)
    if i == stop or data[i] == NEWLINE:
        return BLANK, i, place, meta
    if data[i] != OPEN:
        return ODD, i, place, meta
    for k in range(ID, len(names.ends) - 1):
        room.spans[k, 0] = -1
    lines.meta[meta] = OPEN
    meta += 1
    kind, fields, texts = PLAIN, 0, 0
    while True:
        first = skip_blanks(data, i + 1, stop) + 1
        last, i = field_name(data, first, stop)
        if i == 0 or is_name(data, first, last, names, PROMPT) or is_name(data, first, last, names, CHOICES):
            return ODD, first - 1, place, meta
        start = i
        if is_name(data, first, last, names, TEXT):
            texts += 1
            if data[i] != QUOTE or texts > 1:
                return ODD, i, place, meta
            i, place = unescape(data, i + 1, stop, lines.text, place)
            lines.value[line, 0], lines.value[line, 1] = start, i
        else:
            i, value = value_end(data, i, stop)
            i = 0 if value == NO_VALUE else i
            field = (first, last, start, i)
            if value == DECIMAL and not is_noted(data, start, i, line, lines.decimals):
                value = OTHER
            if kind == PLAIN and take_field(data, field, value, names, room):
                kind = PLAIN if is_new(hash_range(data, first, last), fields, room) else FIELDS
                if names.whole:
                    meta = put_field(data, field, fields > 0, lines.meta, meta)
                fields += 1
            else:
                kind = FIELDS
        end = skip_blanks(data, i, stop)
        if i == 0 or end >= stop or (data[end] != COMMA and data[end] != CLOSE):
            return ODD, start, place, meta
        i = end
        if data[i] == CLOSE:
            break
    i = skip_blanks(data, i + 1, stop)
    if (i < stop and data[i] != NEWLINE) or texts == 0:
        return ODD, i, place, meta
    return kind, i, place, meta


@compiled
def finish_line(data: Any, names: Any, place: Any, room: Any, lines: Any, row: Any) -> None:
    """Write what stands at the end of a plain line's fields, and its name."""
    line, meta = row
    meta, some = put_kept(data, names, room, lines.meta[meta - 1] != OPEN, lines.meta, meta)
    ids = np.int64(lines.id_ends[line])
    if room.spans[ID, 0] >= 0:
        ids = copy(data, room.spans[ID, 0], room.spans[ID, 1], lines.ids, ids)
    lines.id_ends[line + 1] = ids
    lines.meta_ends[line + 1] = put_source(place[1] + line, place[0], some, lines.meta, meta)


@compiled
def _read_lines(data: Any, names: Any, source: Any, most: Any, room: Any, lines: Any) -> None:
    i = np.int64(0)
    for line in range(len(lines.kind)):
        start = i
        kind, i, place, meta = read_line(data, i, names, room, lines, line)
        i = line_end(data, i)
        if i - start > most:
            kind = LONG
        lines.kind[line] = kind
        lines.bounds[line, 0], lines.bounds[line, 1] = start, i
        for ends in (lines.text_ends, lines.meta_ends, lines.id_ends):
            ends[line + 1] = ends[line]
        if kind == PLAIN:
            finish_line(data, names, source, room, lines, (line, meta))
        if kind == PLAIN or kind == FIELDS:  # noqa: SIM109
            lines.text_ends[line + 1] = place
        i += 1
