"""Places in a text that may be personal data or a secret: what patterns are then held against.

Patterns over whole texts are slow; this pass over the bytes leaves little for them. A candidate is

* an "@" with what may be a name before and a host behind it, or the name and password of an address on the web;
* a run of digits, and what people write between them, of at least seven digits;
* capitals and digits that begin like the number of a bank account (IBAN);
* hexadecimal digits with colons between them (IPv6);
* a word that begins as keys of well-known services do, or the armour of a private key;
* what follows the word "passport" on its line.
"""

# ruff: noqa: PLR1714  (a chain of comparisons is what compiles well; a set is not)

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.phrases import Phrases, make_phrases, matches
from lmloop.kernels.text import Integers, TextBuffer

ADDRESS, NUMBER, ACCOUNT, LOGIN, COLONS, KEY, PASSPORT = range(7)
FEWEST_DIGITS = 7
FEWEST_KEY_BYTES = 16
PASSPORT_BYTES = 48
ARMOUR_BYTES = 16_384

KEYS = (
    *("AKIA", "ASIA", "AIza", "LTAI", "AKID", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
    *("sk-", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-"),
    *("hf_", "npm_", "pypi-", "SG.", "eyJ"),
)
ARMOUR, ARMOUR_END = "-----BEGIN ", "-----END "
PASSPORTS = ("passport", "护照", "護照")


class Candidates(NamedTuple):
    """What was found, by where each begins: the document, first byte, end and sort of each; int64 [candidates]."""

    document: Integers
    start: Integers
    stop: Integers
    sort: Integers


def candidates(buffer: TextBuffer) -> Candidates:
    """Find the candidates in each document."""
    _, most = _candidates(buffer, triggers(), armour_end(), np.empty((4, 0), np.int64), False)
    found = np.empty((4, most), np.int64)
    count, _ = _candidates(buffer, triggers(), armour_end(), found, True)
    return Candidates(*found[:, :count])


@cache
def triggers() -> Phrases:
    """Give the table of the words that a candidate begins with: bit 0 keys, 1 armour, 2 passports."""
    return make_phrases({0: KEYS, 1: (ARMOUR,), 2: PASSPORTS})


@cache
def armour_end() -> Phrases:
    """Give the table of what ends a private key."""
    return make_phrases({0: (ARMOUR_END,)})


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
def is_hex_or_colon(byte: Any) -> Any:
    """Say whether a byte may stand in an IPv6 address."""
    return 48 <= byte <= 58 or 65 <= byte <= 70 or 97 <= byte <= 102


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
def login_before(data: Any, i: Any, start: Any) -> Any:
    """Give where "name:password" before the "@" at ``i`` begins, behind "://" and on the same line; else ``i``."""
    j, colons = i, 0
    while j > start and i - j < 256 and data[j - 1] > 32 and data[j - 1] != 47 and data[j - 1] != 64:
        j -= 1
        colons += data[j] == 58
    if colons > 0 and j - start >= 3 and data[j - 1] == 47 and data[j - 2] == 47 and data[j - 3] == 58:
        return j
    return i


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


@inlined
def colons_around(data: Any, i: Any, start: Any, end: Any) -> Any:
    """Give the run of hexadecimal digits and colons about the colon at ``i``, and how many colons it has."""
    j, k, colons = i, i, 0
    while j > start and i - j < 40 and is_hex_or_colon(data[j - 1]):
        j -= 1
    while k < end and k - i < 40 and is_hex_or_colon(data[k]):
        k += 1
    for place in range(j, k):
        colons += data[place] == 58
    alone = (j == start or not is_word(data[j - 1])) and (k == end or not is_word(data[k]))
    return j, k, colons if alone else 0


@inlined
def triggered(data: Any, i: Any, end: Any, triggers: Any) -> Any:
    """Give the group bits of the trigger at ``i`` and where it ends; 0 and ``i`` if there is none."""
    byte = data[i]
    head = byte + 32 if 65 <= byte <= 90 else byte
    for k in range(triggers.first[head], triggers.first[head + 1]):
        size = triggers.starts[k + 1] - triggers.starts[k]
        if i + size <= end and matches(data, i, triggers, k):
            return triggers.group[k], i + size
    return np.uint64(0), i


@inlined
def key_stop(data: Any, i: Any, end: Any) -> Any:
    """Give the end of the word at ``i``, hyphens and inner points included."""
    while i < end and (is_word(data[i]) or data[i] == 45 or data[i] == 46):
        i += 1
    while data[i - 1] == 46:
        i -= 1
    return i


@inlined
def armour_stop(data: Any, i: Any, end: Any, endings: Any) -> Any:
    """Give the end of the line that ends the armour begun at ``i``, or of the line at ``i`` if none does."""
    size, last, line = endings.starts[1], min(end, i + ARMOUR_BYTES), i
    while line < end and data[line] != 10:
        line += 1
    for j in range(i, last - size):
        if matches(data, j, endings, 0):
            line = j
            while line < end and data[line] != 10:
                line += 1
            break
    return line


@inlined
def line_stop(data: Any, i: Any, end: Any) -> Any:
    """Give where the line ends, or the last whole character of so many bytes that a passport's number is in."""
    stop = min(end, i + PASSPORT_BYTES)
    while i < stop and data[i] != 10:
        i += 1
    while i < end and (data[i] & 0xC0) == 0x80:
        i -= 1
    return i


@inlined
def worded(data: Any, i: Any, end: Any, triggers: Any, endings: Any) -> Any:
    """Give where a candidate that begins with a trigger at ``i`` starts and ends, and its sort (-1: none)."""
    group, after = triggered(data, i, end, triggers)
    if group == np.uint64(1):
        stop = key_stop(data, after, end)
        return i, stop, KEY if stop - i >= FEWEST_KEY_BYTES else -1
    if group == np.uint64(2):
        return i, armour_stop(data, i, end, endings), KEY
    if group == np.uint64(4):
        return after, line_stop(data, after, end), PASSPORT
    return i, i, -1


@inlined
def at_sign(data: Any, i: Any, free: Any, end: Any) -> Any:
    """Give the candidate about the "@" at ``i``: its start, end and sort (-1: none)."""
    first = login_before(data, i, free)
    if first < i:
        return first, i, LOGIN
    first, stop = address_around(data, i, free, end)
    return first, stop, ADDRESS if first < i and stop > i + 1 else -1


@inlined
def number_or_account(data: Any, i: Any, end: Any) -> Any:
    """Give the candidate that begins with the digit, "+", "(" or capital at ``i``: its start, end and sort."""
    if is_capital(data[i]):
        stop = account_stop(data, i, end)
        return i, stop, ACCOUNT if stop > i else -1
    stop, digits = number_stop(data, i, end)
    whole = stop >= end or not (is_word(data[stop]) or data[stop] == 64)
    return i, stop, NUMBER if digits >= FEWEST_DIGITS and whole else -1


@compiled
def _candidates(buffer: Any, triggers: Any, endings: Any, found: Any, fill: Any) -> Any:
    data, count, most = buffer.data, 0, 0
    for document in range(len(buffer.offsets) - 1):
        start, end = buffer.offsets[document], buffer.offsets[document + 1]
        i, free, numbered, last = start, start, False, start
        while i < end:
            byte = data[i]
            sort, first, stop = -1, i, i
            if byte == 64:
                # what was taken for a number may have been the beginning of a name
                first, stop, sort = at_sign(data, i, last if numbered else free, end)
                count -= sort >= 0 and numbered and first < free
            elif byte == 58:
                first, stop, colons = colons_around(data, i, free, end)
                sort = COLONS if colons >= 2 else -1
            elif i > start and is_word(data[i - 1]):
                i += 1
                continue
            else:
                first, stop, sort = worded(data, i, end, triggers, endings)
                if sort < 0 and (is_digit(byte) or byte == 43 or byte == 40 or is_capital(byte)):
                    first, stop, sort = number_or_account(data, i, end)
            if sort < 0:
                i += 1
                continue
            if fill:
                found[0, count], found[1, count], found[2, count], found[3, count] = document, first, stop, sort
            count += 1
            most = max(most, count)
            numbered = sort == NUMBER
            last = first
            i = first if sort == PASSPORT else stop  # a passport's line is looked at again for other data
            free = i
    return count, most
