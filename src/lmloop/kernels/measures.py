"""Plain measures of a text: characters of each class, lines, words, and n-grams that come again.

The definitions are data-juicer's (Chen et al. 2024, "Data-Juicer: A One-Stop Data Processing System for Large Language
Models"; ``data_juicer/ops/filter``). Words are those of the ``unicode`` segmentation, 1.5 CJK characters being one; an
n-gram of n words is one of 1.5 n characters where a document is read as CJK.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.bits import HIGH_BITS, LOW_BITS, LOWER_SEVEN, bytes_before, count_bits, fold, load64
from lmloop.kernels.characters import CJK, LETTER, NUMBER, classes
from lmloop.kernels.hashing import GOLDEN, ROOT_3
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Bytes, Floats, Hashes, TextBuffer, decode, line_break_width
from lmloop.kernels.words import CASE_BITS, CJK_PER_WORD, KIND_CJK, KIND_SYMBOL, Tokens

SPACES = LOW_BITS * np.uint64(0x20)


class Measures(NamedTuple):
    """Measures of each document, float64 [documents] each; a ratio to nothing is 0.

    ``characters`` code points; ``words``; ``alphanumeric`` share of letters and numbers; ``special`` share of white
    space, numbers, marks and symbols; ``average_line`` and ``longest_line`` code points of lines;
    ``character_repetition`` share of the character n-grams that the most frequent ones make up, the square root of all
    different ones in number; ``word_repetition`` share of the word n-grams that come more than once.
    """

    characters: Floats
    words: Floats
    alphanumeric: Floats
    special: Floats
    average_line: Floats
    longest_line: Floats
    character_repetition: Floats
    word_repetition: Floats


class Room(NamedTuple):
    """Room for one document of n - 1 bytes.

    ``sums`` [n] of hashes up to each place; ``keys`` [n] of n-grams; ``marks`` [2^k >= 4n] which came more than once;
    ``slots`` [2^k >= 2n] of the table, ``known`` [n] and ``counts`` [n] of what is in it; ``spread`` [n + 1].
    """

    sums: Hashes
    keys: Hashes
    marks: Bytes
    slots: npt.NDArray[np.int32]
    known: Hashes
    counts: npt.NDArray[np.int32]
    spread: npt.NDArray[np.int32]


def measure(buffer: TextBuffer, tokens: Tokens, n: int = 10) -> Measures:
    """Measure each document; ``n`` is the size of n-grams."""
    most = int(np.diff(buffer.offsets).max(initial=0)) + 1
    marks, slots = np.empty(_power(4 * most), np.uint8), np.empty(_power(2 * most), np.int32)
    sums, keys, known = (np.empty(most, np.uint64) for _ in range(3))
    room = Room(sums, keys, marks, slots, known, np.empty(most, np.int32), np.empty(most + 1, np.int32))
    values = np.zeros((len(Measures._fields), len(buffer.offsets) - 1))
    _measure(buffer, tokens, classes(), n, room, values)
    return Measures(*values)


def _power(least: int) -> int:
    """Give the power of two from ``least`` on, 64 at least."""
    return max(64, 1 << (least - 1).bit_length())


@inlined
def window_keys(count: Any, n: Any, room: Any) -> Any:
    """Make a key of each n of ``count`` things in a row, whose hashes are added up in ``room.sums`` from 1 on.

    A sum is what it was before, times a factor, and the next hash: so a window is a difference. Gives how many.
    """
    power = np.uint64(1)
    for _ in range(n):
        power *= ROOT_3
    windows = max(count - n + 1, 0)
    for k in range(windows):
        room.keys[k] = room.sums[k + n] - room.sums[k] * power
    return windows


@inlined
def keep_repeated(count: Any, room: Any) -> Any:
    """Drop most of the first keys that come but once, and none that comes twice; gives how many are left."""
    size, bits = 64, 6
    while size < 4 * count:
        size *= 2
        bits += 1
    for slot in range(size):
        room.marks[slot] = 0
    shift, kept = np.uint64(64 - bits), 0
    for k in range(count):
        slot = (room.keys[k] * GOLDEN) >> shift
        room.marks[slot] = (room.marks[slot] << 1) | 1
    for k in range(count):
        key = room.keys[k]
        room.keys[kept] = key
        kept += room.marks[(key * GOLDEN) >> shift] >= 3
    return kept


@inlined
def count_keys(count: Any, room: Any) -> Any:
    """Count how often each of the first keys comes, into ``room.counts``; gives how many different ones there are."""
    size = 64
    while size < 2 * count:
        size *= 2
    for slot in range(size):
        room.slots[slot] = -1
    mask, total = np.uint64(size - 1), np.int64(0)
    for k in range(count):
        key = room.keys[k]
        probe = fold(key, GOLDEN) & mask
        while room.slots[probe] >= 0 and room.known[room.slots[probe]] != key:
            probe = (probe + np.uint64(1)) & mask
        if room.slots[probe] < 0:
            room.slots[probe] = total
            room.known[total] = key
            room.counts[total] = 0
            total += 1
        room.counts[room.slots[probe]] += 1
    return total


@inlined
def top_count(total: Any, different: Any, room: Any) -> Any:
    """Count the n-grams in the most frequent: the root of all ``different`` ones in number, none that comes once.

    ``total`` of them were counted; the others come once.
    """
    times: Any = 1
    for k in range(total):
        times = max(times, np.int64(room.counts[k]))
    for k in range(times + 1):
        room.spread[k] = 0
    for k in range(total):
        room.spread[room.counts[k]] += 1
    left, inside = min(np.int64(np.sqrt(different)), total - room.spread[1]), 0
    while left > 0 and times > 1:
        taken = min(left, np.int64(room.spread[times]))
        inside += taken * times
        left -= taken
        times -= 1
    return inside


@compiled
def character_repetition(data: Any, start: Any, end: Any, n: Any, room: Any) -> Any:
    """Give the share of a document's character n-grams in the most frequent ones."""
    state, seen, i = np.uint64(0), 0, start
    room.sums[0] = state
    while i < end:
        point, width = decode(data, i, end)
        state = state * ROOT_3 + np.uint64(point + 1)
        seen += 1
        room.sums[seen] = state
        i += width
    count = window_keys(seen, n, room)
    if count == 0:
        return 0.0
    kept = keep_repeated(count, room)
    total = count_keys(kept, room)
    return top_count(total, count - kept + total, room) / count


@compiled
def word_repetition(tokens: Any, first: Any, last: Any, n: Any, room: Any) -> Any:
    """Give the share of a document's word n-grams that come more than once."""
    state, seen = np.uint64(0), 0
    room.sums[0] = state
    for token in range(first, last):
        state = state * ROOT_3 + tokens.hash[token] if tokens.kind[token] != KIND_SYMBOL else state
        seen += tokens.kind[token] != KIND_SYMBOL
        room.sums[seen] = state
    count, again = window_keys(seen, n, room), 0
    if count == 0:
        return 0.0
    for k in range(count_keys(keep_repeated(count, room), room)):
        again += room.counts[k] if room.counts[k] > 1 else 0
    return again / count


@inlined
def count_plain(word: Any, size: Any) -> Any:
    """Count the letters and the digits among the first ``size`` of eight bytes of ASCII."""
    seven, lower = word & LOWER_SEVEN, (word | CASE_BITS) & LOWER_SEVEN
    letters = (lower + LOW_BITS * np.uint64(0x80 - 0x61)) & ~(lower + LOW_BITS * np.uint64(0x80 - 0x7B)) & HIGH_BITS
    digits = (seven + LOW_BITS * np.uint64(0x80 - 0x30)) & ~(seven + LOW_BITS * np.uint64(0x80 - 0x3A)) & HIGH_BITS
    if size < 8:
        inside = (np.uint64(1) << np.uint64(8 * size)) - np.uint64(1)
        letters, digits = letters & inside, digits & inside
    return count_bits(letters), count_bits(digits)


@compiled
def measure_characters(data: Any, start: Any, end: Any, classes: Any, values: Any, document: Any) -> None:
    """Fill in what is counted by characters and lines."""
    characters, letters, numbers, others, lines, longest, length, i = 0, 0, 0, 0, 0, 0, 0, start
    while i < end:
        if i + 8 <= end:
            word = load64(data, i)
            size = bytes_before((((word - SPACES) & ~word) | word) & HIGH_BITS)  # of ASCII, and no control characters
            plain, digits = count_plain(word, size)
            letters += plain
            numbers += digits
            others += size - plain - digits
            characters += size
            length += size
            i += size
            if size == 8:
                continue
        gap = line_break_width(data, i, end)
        point, width = decode(data, i, end)
        kind = classes[point]
        letters += kind == LETTER or kind == CJK  # noqa: PLR1714  (a set does not compile well)
        numbers += kind == NUMBER
        others += kind < LETTER or kind > CJK
        characters += 1 + (gap == 2 and width == 1)
        others += gap == 2 and width == 1
        if gap:
            lines += 1
            longest = max(longest, length)
            length = 0
        else:
            length += 1
        i += max(width, gap)
    lines += length > 0
    longest = max(longest, length)
    values[0, document] = characters
    values[2, document] = (letters + numbers) / max(characters, 1)
    values[3, document] = (others + numbers) / max(characters, 1)
    values[4, document] = characters / max(lines, 1)
    values[5, document] = longest


@compiled
def _measure(buffer: Any, tokens: Any, classes: Any, n: Any, room: Any, values: Any) -> None:
    for document in range(values.shape[1]):
        start, end = buffer.offsets[document], buffer.offsets[document + 1]
        first, last = tokens.first[document], tokens.first[document + 1]
        measure_characters(buffer.data, start, end, classes, values, document)
        words, cjk = 0, 0
        for token in range(first, last):
            words += tokens.kind[token] != KIND_SYMBOL and tokens.kind[token] != KIND_CJK
            cjk += tokens.kind[token] == KIND_CJK
        values[1, document] = words + cjk / CJK_PER_WORD
        size = np.int64(np.ceil(n * CJK_PER_WORD)) if cjk / CJK_PER_WORD >= words else np.int64(n)
        values[6, document] = character_repetition(buffer.data, start, end, n, room)
        values[7, document] = word_repetition(tokens, first, last, size, room)
