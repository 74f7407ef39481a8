"""spaCy's English rules for what splits off a word: in front, at the end, in the middle; and what is a URL.

The rules are regular expressions in spaCy (``spacy.lang.punctuation``, ``spacy.lang.en.punctuation``,
``spacy.lang.tokenizer_exceptions``); here they are the same, character by character, over bits of classes. Every
function sees ``data[start:end]`` as a string of its own: what stands outside it is not looked at.
"""

# ruff: noqa: PLR1714, SIM109  (a chain of comparisons is what compiles well; a set is not)

from typing import Any

import numpy as np

from lmloop.kernels.hashing import hash_range
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.peer.tables import (
    ALPHA,
    BEFORE_STOP,
    DECIMAL,
    DIGIT,
    HOST,
    HYPHEN,
    ICON,
    LOWER,
    MEASURE,
    PREFIX,
    QUOTE,
    SCHEME,
    SUFFIX,
    UPPER,
)
from lmloop.kernels.text import decode

LONGEST_UNIT = 12  # bytes; no unit or currency has more
ELLIPSIS, DEGREE, EM_DASH, RIGHT_QUOTE = 0x2026, 0xB0, 0x2014, 0x2019


@inlined
def bits_at(data: Any, i: Any, end: Any, classes: Any) -> Any:
    """Give the bits and the width in bytes of the character at ``i``."""
    byte = data[i]
    if byte < 0x80:
        return classes[byte], np.int64(1)
    point, width = decode(data, i, end)
    return classes[point], width


@inlined
def before(data: Any, start: Any, i: Any) -> Any:
    """Give where the character begins that ends before ``i``; ``i`` lies behind ``start``."""
    i -= 1
    while i > start and (data[i] & 0xC0) == 0x80:
        i -= 1
    return i


@inlined
def bits_before(data: Any, start: Any, i: Any, classes: Any) -> Any:
    """Give the bits of the character that ends before ``i``; 0 where there is none."""
    if i <= start:
        return np.uint32(0)
    bits, _ = bits_at(data, before(data, start, i), i, classes)
    return bits


@inlined
def dots(data: Any, i: Any, end: Any) -> Any:
    """Give the end of the run of dots at ``i``."""
    while i < end and data[i] == 46:
        i += 1
    return i


@inlined
def prefix_width(data: Any, start: Any, end: Any, classes: Any) -> Any:
    """Give the bytes that split off in front; 0 for none."""
    byte = data[start]
    bits, width = bits_at(data, start, end, classes)
    if bits & PREFIX:
        return width
    if byte == 46:
        stop = dots(data, start, end)
        return stop - start if stop - start >= 2 else np.int64(0)
    if byte == 43:
        return np.int64(0) if start + 1 < end and 48 <= data[start + 1] <= 57 else np.int64(1)
    if byte == 85 and start + 2 < end and data[start + 1] == 83 and data[start + 2] == 36:
        return np.int64(3)
    if (byte == 67 or byte == 65) and start + 1 < end and data[start + 1] == 36:
        return np.int64(2)
    return np.int64(0)


@inlined
def unit_width(data: Any, start: Any, end: Any, units: Any) -> Any:
    """Give the bytes of a unit or currency at the end that stands behind a digit; 0 for none."""
    i = end
    while i > start and end - i <= LONGEST_UNIT and not 48 <= data[i - 1] <= 57:
        i -= 1
    if i == start or i == end or end - i > LONGEST_UNIT:
        return np.int64(0)
    key = hash_range(data, i, end)
    slot = key & np.uint64(511)
    while units[slot] != 0:
        if units[slot] == key:
            return end - i
        slot = (slot + np.uint64(1)) & np.uint64(511)
    return np.int64(0)


@inlined
def stop_splits(data: Any, start: Any, last: Any, classes: Any) -> Any:
    """Say whether the full stop at ``last``, the end, splits off."""
    if last == start:
        return False
    i = before(data, start, last)
    bits, _ = bits_at(data, i, last, classes)
    if bits & BEFORE_STOP:
        return True
    if i == start:
        return False
    if bits & UPPER:
        return bits_before(data, start, i, classes) & UPPER != 0
    letter = data[i] | 32
    if letter != 99 and letter != 102 and letter != 107:
        return False
    point, _ = decode(data, before(data, start, i), i)
    return point == DEGREE


@compiled
def suffix_width(data: Any, start: Any, end: Any, classes: Any, units: Any) -> Any:
    """Give the bytes that split off at the end; 0 for none."""
    if end <= start:
        return np.int64(0)
    last = before(data, start, end)
    byte = data[last]
    bits, width = bits_at(data, last, end, classes)
    if byte == 46:
        i = last
        while i > start and data[i - 1] == 46:
            i -= 1
        if end - i >= 2:
            return end - i
        return np.int64(1) if stop_splits(data, start, last, classes) else np.int64(0)
    if bits & MEASURE:
        unit = unit_width(data, start, end, units)
        if unit > 0:
            return unit
    if bits & SUFFIX:
        if byte == 0xE2 and last > start:  # two ellipses split off together
            i = before(data, start, last)
            point, _ = decode(data, last, end)
            other, _ = decode(data, i, last)
            if point == ELLIPSIS and other == ELLIPSIS:
                return end - i
        return width
    if byte == 43:
        return np.int64(1) if last > start and 48 <= data[last - 1] <= 57 else np.int64(0)
    if (byte == 115 or byte == 83) and last > start:
        i = before(data, start, last)
        point, _ = decode(data, i, last)
        if point == 39 or point == RIGHT_QUOTE:
            return end - i
    return np.int64(0)


@inlined
def hyphen_width(data: Any, i: Any, end: Any, classes: Any) -> Any:
    """Give the bytes of the hyphen at ``i`` (one, two or three; two em dashes) that a letter follows; 0 for none."""
    _, width = bits_at(data, i, end, classes)
    dashes, j = 0, i
    point, _ = decode(data, i, end)
    most = 3 if point == 45 else (2 if point == EM_DASH else 1)
    while dashes < most and j + width <= end:
        other, _ = decode(data, j, end)
        if other != point:
            break
        j += width
        dashes += 1
        if j < end:
            bits, _ = bits_at(data, j, end, classes)
            if bits & ALPHA:
                return j - i
    return np.int64(0)


@compiled
def infix_width(data: Any, i: Any, end: Any, left: Any, classes: Any) -> Any:
    """Give the bytes of the infix at ``i``, behind a character of the bits ``left``; 0 for none."""
    byte = data[i]
    bits, width = bits_at(data, i, end, classes)
    if bits & ICON:
        return width
    if byte >= 0x80:
        point, _ = decode(data, i, end)
        if point == ELLIPSIS:
            return width
    if byte == 46:
        stop = dots(data, i, end)
        if stop - i >= 2:
            return stop - i
    if left == 0 or i + width >= end:
        return np.int64(0)
    right, _ = bits_at(data, i + width, end, classes)
    if byte == 46:
        return np.int64(1) if left & (LOWER | QUOTE) and right & (UPPER | QUOTE) else np.int64(0)
    sign = byte == 43 or byte == 45 or byte == 42 or byte == 94
    if sign and left & DIGIT and (right & DIGIT or data[i + 1] == 45):
        return np.int64(1)
    if byte == 44:
        return np.int64(1) if left & ALPHA and right & ALPHA else np.int64(0)
    if left & (ALPHA | DIGIT):
        if bits & HYPHEN:
            return hyphen_width(data, i, end, classes)
        if (58 <= byte <= 62 and byte != 59) or byte == 47:
            return np.int64(1) if right & ALPHA else np.int64(0)
    return np.int64(0)


@inlined
def address_end(data: Any, i: Any, end: Any, classes: Any) -> Any:
    """Say whether a host may end at ``i``: with the word, a port, a path, a query or a fragment."""
    if i == end:
        return True
    if data[i] == 58:
        first = i = i + 1
        digits = 0
        while i < end:
            bits, width = bits_at(data, i, end, classes)
            if not bits & DECIMAL:
                break
            i += width
            digits += 1
        if i == first or digits < 2 or digits > 5:
            return False
        if i == end:
            return True
    return data[i] == 47 or data[i] == 63 or data[i] == 35


@inlined
def host_matches(data: Any, start: Any, end: Any, classes: Any) -> Any:
    """Say whether a host name stands at ``start``: labels with dots, and a last one of small letters."""
    i, labels = start, 0
    while i < end:
        if labels > 0:
            stop, letters = i, 0
            while stop < end:
                bits, width = bits_at(data, stop, end, classes)
                if not bits & LOWER:
                    break
                stop += width
                letters += 1
            if 2 <= letters <= 63 and address_end(data, stop, end, classes):
                return True
        length, fine = 0, True
        while i < end:
            bits, width = bits_at(data, i, end, classes)
            inner = data[i] == 45 or data[i] == 95
            if not (bits & HOST or inner) or data[i] == 46:
                break
            fine = fine and not (inner and length == 0)
            length += 1
            i += width
        if (
            length == 0
            or length > 64
            or not fine
            or i >= end
            or data[i] != 46
            or data[i - 1] == 45
            or data[i - 1] == 95
        ):
            return False
        labels += 1
        i += 1
    return False


@inlined
def octet(data: Any, i: Any, end: Any, classes: Any) -> Any:
    """Read the number at ``i``: its value (-1 where an octet's pattern cannot be it), its digits, and where it ends.

    As in the pattern, a digit behind a fixed first may be of any script; its value is then not known, and taken as 0.
    """
    value, digits, strange = 0, 0, False
    first = data[i] if i < end else 0
    while i < end:
        bits, width = bits_at(data, i, end, classes)
        if not bits & DECIMAL:
            break
        value = value * 10 + (data[i] - 48 if width == 1 else 0)
        strange = strange or (width > 1)
        digits += 1
        i += width
        if digits > 3:
            break
    if digits == 0 or digits > 3 or (strange and not 48 <= first <= 57):
        value = -1
    return value, digits, i


@inlined
def number_matches(data: Any, start: Any, end: Any, classes: Any) -> Any:
    """Say whether a public IPv4 address stands at ``start``."""
    a, digits, i = octet(data, start, end, classes)
    if a < 1 or a > 223 or data[start] == 48 or i >= end or data[i] != 46:
        return False
    b, c, d = 0, 0, 0
    b, digits, i = octet(data, i + 1, end, classes)
    if b < 0 or b > 255 or (digits == 3 and b < 100) or i >= end or data[i] != 46:
        return False
    c, digits, i = octet(data, i + 1, end, classes)
    if c < 0 or c > 255 or (digits == 3 and c < 100) or i >= end or data[i] != 46:
        return False
    if i + 1 < end and data[i + 1] == 48:
        return False
    d, digits, i = octet(data, i + 1, end, classes)
    if d < 1 or d > 254 or not address_end(data, i, end, classes):
        return False
    if a == 10 or a == 127 or (a == 169 and b == 254) or (a == 192 and b == 168):
        return False
    return not (a == 172 and 16 <= b <= 31)


@compiled
def address_matches(data: Any, start: Any, end: Any, classes: Any) -> Any:
    """Say whether a host or a public address stands at ``start``, with what may follow it."""
    return host_matches(data, start, end, classes) or number_matches(data, start, end, classes)


@compiled
def is_url(data: Any, start: Any, end: Any, classes: Any) -> Any:
    """Say whether the whole is a URL, with or without a scheme, or an address of mail."""
    marks = 0  # all URLs have a dot with something on both sides
    for i in range(start + 1, end - 1):
        marks += data[i] == 46
    if marks == 0:
        return False
    if address_matches(data, start, end, classes):
        return True
    i, length = start, 0
    while i < end:
        bits, width = bits_at(data, i, end, classes)
        if not bits & SCHEME:
            break
        i += width
        length += 1
    scheme = length >= 2 and i + 3 < end and data[i] == 58 and data[i + 1] == 47 and data[i + 2] == 47
    if scheme and address_matches(data, i + 3, end, classes):
        return True
    for i in range(start + 1, end - 1):  # noqa: SIM110  (compiled code knows no generators)
        if data[i] == 64 and address_matches(data, i + 1, end, classes):
            return True
    return False
