"""Plain measures of a text: characters of each class, lines, words, and n-grams that come again.

The definitions are data-juicer's (Chen et al. 2024, "Data-Juicer: A One-Stop Data Processing System for Large Language
Models"; ``data_juicer/ops/filter``). Words are those of the ``unicode`` segmentation, 1.5 CJK characters being one; an
n-gram of n words is one of 1.5 n characters where a document is read as CJK.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.bits import fold
from lmloop.kernels.characters import CJK, LETTER, NUMBER, classes
from lmloop.kernels.hashing import GOLDEN, ROOT_3
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Floats, Hashes, TextBuffer, decode, line_break_width
from lmloop.kernels.words import CJK_PER_WORD, KIND_CJK, KIND_SYMBOL, Tokens


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
    """Room for one document: ``keys`` [n] of n-grams, ``slots`` [2^k >= 2n] of the table, ``counts`` [n + 1] twice."""

    keys: Hashes
    slots: npt.NDArray[np.int32]
    known: Hashes
    counts: npt.NDArray[np.int32]
    spread: npt.NDArray[np.int32]


def measure(buffer: TextBuffer, tokens: Tokens, n: int = 10) -> Measures:
    """Measure each document; ``n`` is the size of n-grams."""
    most = int(np.diff(buffer.offsets).max(initial=0)) + 1
    slots = np.empty(max(16, 1 << (2 * most - 1).bit_length()), np.int32)
    counts, spread = np.empty(most + 1, np.int32), np.empty(most + 1, np.int32)
    room = Room(np.empty(most, np.uint64), slots, np.empty(most, np.uint64), counts, spread)
    values = np.zeros((len(Measures._fields), len(buffer.offsets) - 1))
    _measure(buffer, tokens, classes(), n, room, values)
    return Measures(*values)


@inlined
def count_grams(count: Any, room: Any) -> Any:
    """Count how often each of the first keys comes, into ``room.counts``; gives how many different ones there are."""
    size = 16
    while size < 2 * count:
        size *= 2
    for slot in range(size):
        room.slots[slot] = -1
    mask, total = np.uint64(size - 1), 0
    for k in range(count):
        probe = fold(room.keys[k], GOLDEN) & mask
        while room.slots[probe] >= 0 and room.known[room.slots[probe]] != room.keys[k]:
            probe = (probe + np.uint64(1)) & mask
        if room.slots[probe] < 0:
            room.slots[probe] = total
            room.known[total] = room.keys[k]
            room.counts[total] = 0
            total += 1
        room.counts[room.slots[probe]] += 1
    return total


@inlined
def top_share(count: Any, total: Any, room: Any) -> Any:
    """Give the share of the n-grams in the most frequent: as many as the root of all, and none that comes once."""
    for k in range(count + 1):
        room.spread[k] = 0
    for k in range(total):
        room.spread[room.counts[k]] += 1
    left, inside, times = min(np.int64(np.sqrt(total)), total - room.spread[1]), 0, count
    while left > 0 and times > 1:
        taken = min(left, np.int64(room.spread[times]))
        inside += taken * times
        left -= taken
        times -= 1
    return inside / count


@compiled
def character_repetition(data: Any, start: Any, end: Any, n: Any, room: Any) -> Any:
    """Give the share of a document's character n-grams in the most frequent ones."""
    power = np.uint64(1)  # of the hash's base, for the character that leaves the window
    for _ in range(n):
        power *= ROOT_3
    state, seen, count, i, behind = np.uint64(0), 0, 0, start, start
    while i < end:
        point, width = decode(data, i, end)
        state = state * ROOT_3 + np.uint64(point + 1)
        i += width
        seen += 1
        if seen > n:
            gone, width = decode(data, behind, end)
            state -= np.uint64(gone + 1) * power
            behind += width
        if seen >= n:
            room.keys[count] = state
            count += 1
    return top_share(count, count_grams(count, room), room) if count else 0.0


@compiled
def word_repetition(tokens: Any, first: Any, last: Any, n: Any, room: Any) -> Any:
    """Give the share of a document's word n-grams that come more than once."""
    words = 0
    for token in range(first, last):
        words += tokens.kind[token] != KIND_SYMBOL
    count = words - n + 1
    if count < 1:
        return 0.0
    filled = 0
    for token in range(first, last):  # first the words' own hashes, then those of n of them in a row
        if tokens.kind[token] != KIND_SYMBOL:
            room.keys[filled] = tokens.hash[token]
            filled += 1
    for k in range(count):
        state = GOLDEN
        for j in range(n):
            state = fold(state ^ room.keys[k + j], ROOT_3)
        room.keys[k] = state
    total, again = count_grams(count, room), 0
    for k in range(total):
        again += room.counts[k] if room.counts[k] > 1 else 0
    return again / count


@compiled
def measure_characters(data: Any, start: Any, end: Any, classes: Any, values: Any, document: Any) -> None:
    """Fill in what is counted by characters and lines."""
    characters, letters, numbers, others, lines, longest, length, i = 0, 0, 0, 0, 0, 0, 0, start
    while i < end:
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
