"""Places in a text that may be an address, a number of a person's, or an account: what patterns are then held against.

Patterns over whole texts are slow; this pass over the bytes leaves little for them. A candidate is an "@" with what
may be a name before and a host behind it; a run of digits, and what people write between them, of at least seven
digits; or capitals and digits that begin like the number of a bank account (IBAN).
"""

# ruff: noqa: PLR1714  (a chain of comparisons is what compiles well; a set is not)

from typing import Any, NamedTuple

import numpy as np

from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Integers, TextBuffer

ADDRESS, NUMBER, ACCOUNT = 0, 1, 2
FEWEST_DIGITS = 7


class Candidates(NamedTuple):
    """What was found, in order: the document, first byte, end and sort of each; int64 [candidates]."""

    document: Integers
    start: Integers
    stop: Integers
    sort: Integers


def candidates(buffer: TextBuffer) -> Candidates:
    """Find the candidates in each document."""
    count = _candidates(buffer, np.empty((4, 0), np.int64), False)
    found = np.empty((4, count), np.int64)
    _candidates(buffer, found, True)
    return Candidates(*found)


@inlined
def is_digit(byte: Any) -> Any:
    """Say whether a byte is an ASCII digit."""
    return 48 <= byte <= 57


@inlined
def is_word(byte: Any) -> Any:
    """Say whether a byte is an ASCII letter or digit, or an underscore."""
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte == 95


@inlined
def is_capital(byte: Any) -> Any:
    """Say whether a byte is an ASCII capital."""
    return 65 <= byte <= 90


@inlined
def address_around(data: Any, i: Any, start: Any, end: Any) -> Any:
    """Give where the name before the "@" at ``i`` begins, and where the host behind it ends."""
    j, k = i, i + 1
    while j > start and (
        is_word(data[j - 1]) or data[j - 1] == 46 or data[j - 1] == 45 or data[j - 1] == 43 or data[j - 1] == 37
    ):
        j -= 1
    while k < end and (is_word(data[k]) or data[k] == 46 or data[k] == 45):
        k += 1
    return j, k


@inlined
def number_stop(data: Any, i: Any, end: Any) -> Any:
    """Give the end of the run of digits that starts at ``i``, with up to two marks between them, and its digits."""
    digits, stop, marks = 0, i, 0
    while i < end and marks <= 2:
        byte = data[i]
        if is_digit(byte):
            digits += 1
            marks = 0
            stop = i + 1
        elif byte == 32 or 40 <= byte <= 41 or 45 <= byte <= 47 or (byte == 43 and digits == 0):
            marks += 1
        else:
            break
        i += 1
    if stop < end and data[stop] | 32 == 120:  # the check digit of a Chinese identity number may be an X
        stop += 1
    return stop, digits


@inlined
def account_stop(data: Any, i: Any, end: Any) -> Any:
    """Give the end of what may be an IBAN at ``i``, or ``i``: two capitals, two digits, then both in groups."""
    if i + 15 > end or not (is_capital(data[i]) and is_capital(data[i + 1])):
        return i
    if not (is_digit(data[i + 2]) and is_digit(data[i + 3])):
        return i
    count, stop, j = 0, i, i
    while j < end and count < 34:
        if is_digit(data[j]) or is_capital(data[j]):
            count += 1
            stop = j + 1
        elif data[j] != 32 or data[j - 1] == 32:
            break
        j += 1
    return stop if count >= 15 else i


@compiled
def _candidates(buffer: Any, found: Any, fill: Any) -> Any:
    data, count = buffer.data, 0
    for document in range(len(buffer.offsets) - 1):
        start, end = buffer.offsets[document], buffer.offsets[document + 1]
        i, free = start, start
        while i < end:
            byte = data[i]
            sort, first, stop = -1, i, i
            if byte == 64:
                first, stop = address_around(data, i, free, end)
                sort = ADDRESS if first < i and stop > i + 1 else -1
            elif i > start and is_word(data[i - 1]):
                i += 1
                continue
            elif is_digit(byte) or byte == 43 or byte == 40:
                stop, digits = number_stop(data, i, end)
                whole = stop >= end or not (is_word(data[stop]) or data[stop] == 64)
                sort = NUMBER if digits >= FEWEST_DIGITS and whole else -1
            elif is_capital(byte):
                stop = account_stop(data, i, end)
                sort = ACCOUNT if stop > i else -1
            if sort < 0:
                i += 1
                continue
            if fill:
                found[0, count], found[1, count], found[2, count], found[3, count] = document, first, stop, sort
            count += 1
            i = free = stop
    return count
