"""Values of JSON as kernels see them: where they end, of what kind they are, and what a string says.

All looking goes to ``stop``, the end of a block of lines. No value goes beyond the end of its line: in a string it
would be a broken one.
"""

# ruff: noqa: PLR1714, SIM109  (a chain of comparisons is what compiles well; a set is not)

from typing import Any

import numpy as np

from lmloop.kernels.bits import HIGH_BITS, LOW_BITS, bytes_before, load32, load64, store64, zero_bytes
from lmloop.kernels.jit import compiled, inlined

NO_VALUE, STRING, NUMBER, DECIMAL, TRUTH, NULL, OTHER = range(7)
"""What a value is: a ``DECIMAL`` may be written shorter, an ``OTHER`` one surely, or it is nested or escaped."""

SURE_DIGITS, MAYBE_DIGITS = 15, 17
MOST_DIGITS = 18  # a whole number of so many digits is below 2^63
SPACE, QUOTE, COMMA, MINUS, COLON, BACKSLASH, POINT = (np.uint8(ord(c)) for c in ' ",-:\\.')
ZERO, NINE, OPEN, CLOSE = (np.uint8(ord(c)) for c in "09{}")
TAB, NEWLINE, RETURN = np.uint8(9), np.uint8(10), np.uint8(13)
QUOTES, BACKSLASHES = LOW_BITS * np.uint64(QUOTE), LOW_BITS * np.uint64(BACKSLASH)
NEWLINES, CONTROLS = LOW_BITS * np.uint64(NEWLINE), LOW_BITS * np.uint64(SPACE)
BYTE = np.uint64(0xFF)
# Two characters of three bytes: the bits that say so, and what they say.
TWO_HEADS, TWO_OF_THREE = np.uint64(0xC0C0F0C0C0F0), np.uint64(0x8080E08080E0)
NULL_WORD, TRUE_WORD, ALSE_WORD = (np.uint64(int.from_bytes(word, "little")) for word in (b"null", b"true", b"alse"))


@inlined
def skip_blanks(data: Any, i: Any, stop: Any) -> Any:
    """Give the first byte from ``i`` on that is no blank; the end of a line is one of these."""
    while i < stop and (data[i] == SPACE or data[i] == TAB or data[i] == RETURN):
        i += 1
    return i


@inlined
def character_width(data: Any, i: Any, stop: Any) -> Any:
    """Give the bytes of the character beyond ASCII at ``i``, 0 where it is no UTF-8."""
    lead = data[i]
    width = 2 if lead < 0xE0 else (3 if lead < 0xF0 else 4)
    if lead < 0xC2 or lead > 0xF4 or i + width > stop:
        return 0
    for k in range(1, width):
        if data[i + k] & 0xC0 != 0x80:
            return 0
    second = data[i + 1]
    if (lead == 0xE0 and second < 0xA0) or (lead == 0xED and second > 0x9F):  # too long, or half a surrogate pair
        return 0
    if (lead == 0xF0 and second < 0x90) or (lead == 0xF4 and second > 0x8F):  # too long, or beyond Unicode
        return 0
    return width


@inlined
def is_two_of_three(word: Any) -> Any:
    """Say whether eight bytes begin with two characters of three bytes, as most CJK ones are; a few are left out."""
    if word & TWO_HEADS != TWO_OF_THREE:
        return False
    first, second = word & BYTE, (word >> np.uint64(24)) & BYTE
    return first != 0xE0 and first != 0xED and second != 0xE0 and second != 0xED


@inlined
def special_bytes(word: Any) -> Any:
    """Mark the first of eight bytes that does not stand for itself in a string of ASCII; 0 where there is none."""
    quotes = zero_bytes(word ^ QUOTES) | zero_bytes(word ^ BACKSLASHES)
    return quotes | ((word - CONTROLS) & ~word & HIGH_BITS) | (word & HIGH_BITS)


@inlined
def plain_end(data: Any, i: Any, stop: Any) -> Any:
    """Give the first byte from ``i`` on of a string that does not stand for itself, or ``stop``."""
    while i < stop:
        if i + 8 <= stop:
            special = special_bytes(load64(data, i))
            i += bytes_before(special)
            if not special:
                continue
        byte = data[i]
        if byte >= 0x80:
            width = character_width(data, i, stop)
            if width == 0:
                return i
            i += width
        elif byte == QUOTE or byte == BACKSLASH or byte < SPACE:
            return i
        else:
            i += 1
    return stop


@inlined
def hex_digits(data: Any, i: Any, stop: Any) -> Any:
    r"""Read the number of a ``\u`` escape whose digits begin at ``i``; -1 where there are not four."""
    value = np.int64(0)
    if i + 4 > stop:
        return np.int64(-1)
    for k in range(4):
        byte = np.int64(data[i + k])
        if 48 <= byte <= 57:
            digit = byte - 48
        elif 97 <= (byte | 32) <= 102:
            digit = (byte | 32) - 87
        else:
            return np.int64(-1)
        value = 16 * value + digit
    return value


@inlined
def put_character(point: Any, out: Any, place: Any) -> Any:
    """Write a code point as UTF-8; gives where it ends."""
    if point < 0x80:
        out[place] = point
        return place + 1
    width = 2 if point < 0x800 else (3 if point < 0x10000 else 4)
    lead = 0xC0 if width == 2 else (0xE0 if width == 3 else 0xF0)
    out[place] = lead | (point >> (6 * (width - 1)))
    for k in range(1, width):
        out[place + k] = 0x80 | ((point >> (6 * (width - 1 - k))) & 0x3F)
    return place + width


@inlined
def escaped(data: Any, i: Any, stop: Any) -> Any:
    """Read the escape whose backslash stands at ``i``: the code point, or -1 where it is none, and where it ends."""
    letter = data[i + 1] if i + 1 < stop else np.uint8(0)
    point = np.int64(-1)
    if letter == 110:
        point = np.int64(10)
    elif letter == QUOTE or letter == BACKSLASH or letter == 47:
        point = np.int64(letter)
    elif letter == 116:
        point = np.int64(9)
    elif letter == 114:
        point = np.int64(13)
    elif letter == 98:
        point = np.int64(8)
    elif letter == 102:
        point = np.int64(12)
    elif letter == 117:
        point = hex_digits(data, i + 2, stop)
        i += 4
        if 0xD800 <= point < 0xDC00 and i + 3 < stop and data[i + 2] == BACKSLASH and data[i + 3] == 117:
            low = hex_digits(data, i + 4, stop)
            point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00) if 0xDC00 <= low < 0xE000 else np.int64(-1)
            i += 6
        elif 0xD800 <= point < 0xE000:
            point = np.int64(-1)
    return point, i + 2


@inlined
def copy(data: Any, start: Any, end: Any, out: Any, place: Any) -> Any:
    """Copy ``data[start:end]``; gives where it ends."""
    for k in range(end - start):
        out[place + k] = data[start + k]
    return place + (end - start)


@compiled
def unescape(data: Any, i: Any, stop: Any, out: Any, place: Any) -> Any:
    """Write the string that begins behind a quote at ``i``; gives where it ends, 0 if it is none, and where in out.

    There must be room for eight bytes more than it has: each is written before it is known to be plain.
    """
    while i < stop:
        if i + 8 <= stop:
            word = load64(data, i)
            store64(out, place, word)
            special = special_bytes(word)
            count = bytes_before(special)
            i += count
            place += count
            if not special:
                continue
        while i < stop and data[i] >= 0x80:
            if i + 8 <= stop and is_two_of_three(load64(data, i)):
                store64(out, place, load64(data, i))
                i += 6
                place += 6
                continue
            width = character_width(data, i, stop)
            if width == 0:
                return np.int64(0), place
            for k in range(width):
                out[place + k] = data[i + k]
            i += width
            place += width
        if i == stop:
            break
        byte = data[i]
        if byte == QUOTE:
            return i + 1, place
        if byte == BACKSLASH:
            point, i = escaped(data, i, stop)
            if point < 0:
                break
            place = put_character(point, out, place)
        elif byte < SPACE:
            break
        elif i + 8 > stop:
            out[place] = byte
            i += 1
            place += 1
    return np.int64(0), place


@inlined
def string_end(data: Any, i: Any, stop: Any) -> Any:
    """Give the end of the string that begins behind a quote at ``i``, and its kind."""
    kind = STRING
    while True:
        i = plain_end(data, i, stop)
        if i < stop and data[i] == QUOTE:
            return i + 1, kind
        if i + 1 >= stop or data[i] != BACKSLASH or data[i + 1] < SPACE:
            return i, NO_VALUE
        kind = OTHER
        i += 2


@inlined
def digits_end(data: Any, i: Any, stop: Any) -> Any:
    """Give the end of the digits from ``i`` on."""
    while i < stop and ZERO <= data[i] <= NINE:
        i += 1
    return i


@inlined
def number_end(data: Any, i: Any, stop: Any) -> Any:
    """Give the end of the number at ``i``, and its kind."""
    start = i + (data[i] == MINUS)
    point = digits_end(data, start, stop)
    whole = point - start
    sound = whole == 1 or (1 < whole <= MOST_DIGITS and data[start] != ZERO)
    if point >= stop or data[point] != POINT:
        kind = NUMBER if sound and (data[start] != ZERO or start == i) else OTHER
        end = point
    else:
        end = digits_end(data, point + 1, stop)
        kind = decimal_kind(data, start, point, end) if sound else OTHER
    while end < stop and (
        (data[end] | 32) == 101 or (kind == OTHER and 43 <= data[end] <= NINE and data[end] != COMMA)
    ):
        kind = OTHER
        end += 1
    return end, kind


@inlined
def decimal_kind(data: Any, start: Any, point: Any, end: Any) -> Any:
    """Tell the kind of a number with a point: surely written as short as can be, maybe, or otherwise.

    Decimals of up to 15 digits are all different as numbers of 64 bits, so that none is shorter; of 16 or 17, some are.
    """
    first = start
    if data[start] == ZERO:
        first = point + 1
        while first < end - 1 and data[first] == ZERO:
            first += 1
    digits = end - first - (first < point)
    if end == point + 1 or point - start > SURE_DIGITS or (data[end - 1] == ZERO and end > point + 2):
        return OTHER
    if first > point + 4 or digits > MAYBE_DIGITS:  # below 0.0001 it may have an exponent
        return OTHER
    return NUMBER if digits <= SURE_DIGITS else DECIMAL


@inlined
def nested_end(data: Any, i: Any, stop: Any) -> Any:
    """Give the end of the list or object at ``i``, and its kind."""
    depth = 0
    while i < stop and data[i] != NEWLINE:
        byte = data[i]
        i += 1
        if byte == QUOTE:
            i, kind = string_end(data, i, stop)
            if kind == NO_VALUE:
                return i, NO_VALUE
        elif (byte | 32) == 123:  # [ or {
            depth += 1
        elif (byte | 32) == 125:
            depth -= 1
            if depth == 0:
                return i, OTHER
    return i, NO_VALUE


@inlined
def is_word(data: Any, i: Any, stop: Any, word: Any) -> Any:
    """Say whether four bytes at ``i`` are those of a number, little-endian."""
    return i + 4 <= stop and load32(data, i) == word


@inlined
def value_end(data: Any, i: Any, stop: Any) -> Any:
    """Give the end of the value at ``i``, and its kind."""
    byte = data[i]
    if byte == QUOTE:
        return string_end(data, i + 1, stop)
    if byte == MINUS or ZERO <= byte <= NINE:
        return number_end(data, i, stop)
    if byte == 91 or byte == OPEN:
        return nested_end(data, i, stop)
    if is_word(data, i, stop, NULL_WORD):
        return i + 4, NULL
    if is_word(data, i, stop, TRUE_WORD):
        return i + 4, TRUTH
    if byte == 102 and is_word(data, i + 1, stop, ALSE_WORD):
        return i + 5, TRUTH
    return i, NO_VALUE


@inlined
def line_end(data: Any, i: Any) -> Any:
    """Give the end of the line from ``i`` on."""
    stop = len(data)
    while i + 8 <= stop:
        found = zero_bytes(load64(data, i) ^ NEWLINES)
        i += bytes_before(found)
        if found:
            return i
    while i < stop and data[i] != NEWLINE:
        i += 1
    return i
