"""C4's rules as datatrove reads them, line for line and sentence for sentence.

They differ from :mod:`lmloop.kernels.c4` in what CJK text gains there, in that white space which a removed citation
leaves stays, and in the sentences: those of spaCy's sentencizer.
"""

# ruff: noqa: PLR1714  (a chain of comparisons is what compiles well; a set is not)

from functools import cache
from typing import Any

import numpy as np

from lmloop.kernels.c4 import (
    CITATIONS,
    PHRASES,
    POLICY,
    TERMINAL_MARK,
    WITHOUT_CITATIONS,
    C4Limits,
    C4Result,
    c4_result,
    line_verdict,
    of_one_type,
)
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.peer.affixes import bits_at
from lmloop.kernels.peer.chunks import split_chunk
from lmloop.kernels.peer.tables import DECIMAL, PUNCTUATION, SENTENCE_END, tables
from lmloop.kernels.phrases import Phrases, find_groups, make_phrases
from lmloop.kernels.text import TextBuffer, line_break_width, skip_space, space_width, trim_space
from lmloop.kernels.words import empty_tokens


def peer_c4(buffer: TextBuffer, limits: C4Limits | None = None) -> C4Result:
    """Apply the rules to each document."""
    room = empty_tokens(int(_longest_line(buffer)), np.zeros(2, np.int64))
    reading = (tables(), english_phrases(), citations(), room)
    held = of_one_type(limits or C4Limits())
    return c4_result(buffer, lambda out, counts: _peer_c4(buffer, held, reading, out, counts))


@cache
def english_phrases() -> Phrases:
    """Give the table of the phrases that are English."""
    english = [phrase for phrase in PHRASES[POLICY] if phrase.isascii()]
    return make_phrases({**PHRASES, POLICY: english})


@cache
def citations() -> Phrases:
    """Give the table of citations in words."""
    return make_phrases({0: CITATIONS})


@inlined
def citation_stop(data: Any, i: Any, end: Any, classes: Any, citations: Any) -> Any:
    """Give the end of the citation whose bracket is at ``i``, or ``i``; a number may have digits of any script."""
    j = i + 1
    while j < end:
        bits, width = bits_at(data, j, end, classes)
        if not bits & DECIMAL:
            break
        j += width
    if j < end and data[j] == 93:
        return j + 1
    for k in range(len(citations.group)):
        begin, size = citations.starts[k], citations.starts[k + 1] - citations.starts[k]
        same = i + size <= end
        for j in range(size):
            same = same and data[i + j] == citations.pool[begin + j]
        if same:
            return i + size
    return i


@inlined
def count_words(data: Any, i: Any, end: Any) -> Any:
    """Count the words of a line as ``str.split`` has them, and the code points of its longest."""
    words, longest, length = 0, 0, 0
    while i < end:
        gap = space_width(data, i, end)
        if gap:
            words += length > 0
            length = 0
            i += gap
            continue
        length += (data[i] & 0xC0) != 0x80
        longest = max(longest, length)
        i += 1
    return words + (length > 0), longest


@inlined
def ends_sentence(data: Any, i: Any, end: Any, classes: Any) -> Any:
    """Say whether a token is a mark that ends a sentence, and whether it is all punctuation."""
    bits, width = bits_at(data, i, end, classes)
    mark = bits & SENTENCE_END != 0 and i + width == end
    marks = True
    while i < end and marks:
        bits, width = bits_at(data, i, end, classes)
        marks = bits & PUNCTUATION != 0
        i += width
    return mark, marks


@compiled
def count_sentences(data: Any, start: Any, end: Any, tables: Any, tokens: Any) -> Any:
    """Count the sentences of a line that spaCy's sentencizer finds; white space but one space is a token, too."""
    sentences, ended, i = 1, False, start
    while i < end:
        first = i
        i = skip_space(data, i, end)
        if i > first and (first == start or i - first > 1 or data[first] != 32) and ended:
            sentences += 1
            ended = False
        first = i
        while i < end and not space_width(data, i, end):
            i += 1
        count = split_chunk(data, (first, i), tables, tokens, np.int64(0), first) if i > first else np.int64(0)
        for k in range(count):
            begin = first + tokens.start[k]
            mark, marks = ends_sentence(data, begin, begin + tokens.width[k], tables.classes)
            if ended and not marks and not mark:
                sentences += 1
                ended = False
            elif mark:
                ended = True
    return sentences


@inlined
def stays(data: Any, start: Any, end: Any) -> Any:
    """Say whether a line ends in a terminal mark of C4 and not in an ellipsis."""
    if end == start:
        return False
    last = data[end - 1]
    if last == 46:
        return not (end - start >= 3 and data[end - 2] == 46 and data[end - 3] == 46)
    return last == 63 or last == 33 or last == 34 or last == 39


@compiled
def judge_peer_line(data: Any, line: Any, limits: Any, reading: Any, out: Any, place: Any) -> Any:
    """Write a line where it may stay; gives where it ends, and the bits of what was found that drops a document."""
    tables, phrases, citations, _ = reading
    (i, end), (written, seen, _) = line, out
    words, longest = count_words(data, i, end)
    if words < limits.min_line_words or longest > limits.max_word_length:
        return place, np.uint64(0)
    stop, without = place, limits.rules >> WITHOUT_CITATIONS & 1
    while i < end:
        after = citation_stop(data, i, end, tables.classes, citations) if without and data[i] == 91 else i
        if after > i:
            i = after
            continue
        written[stop] = data[i]
        stop += 1
        i += 1
    if limits.rules >> TERMINAL_MARK & 1 and not stays(seen, place, stop):
        return place, np.uint64(0)
    return line_verdict(find_groups(seen, place, stop, phrases) & np.uint64(limits.rules), place, stop)


@inlined
def line_stop(data: Any, i: Any, end: Any) -> Any:
    """Give where the line that begins at ``i`` ends, and the bytes of its break."""
    while i < end:
        gap = line_break_width(data, i, end)
        if gap:
            return i, np.int64(gap)
        i += 1
    return i, np.int64(0)


@compiled
def _longest_line(buffer: Any) -> Any:
    longest = np.int64(0)
    for document in range(len(buffer.offsets) - 1):
        i, end = buffer.offsets[document], buffer.offsets[document + 1]
        while i < end:
            stop, gap = line_stop(buffer.data, i, end)
            longest = max(longest, stop - i)
            i = stop + gap
    return longest


@compiled
def _peer_c4(buffer: Any, limits: Any, reading: Any, out: Any, counts: Any) -> None:
    data, (written, seen, offsets), (tables, _, _, room) = buffer.data, out, reading
    place = np.int64(0)
    for document in range(counts.shape[1]):
        i, end, first, verdict = buffer.offsets[document], buffer.offsets[document + 1], place, np.uint64(0)
        while i < end and verdict == 0:
            line_end, gap = line_stop(data, i, end)
            counts[0, document] += 1
            head = skip_space(data, i, line_end)
            line = (head, trim_space(data, head, line_end))
            stop, verdict = judge_peer_line(data, line, limits, reading, out, place)
            if stop > place:
                counts[1, document] += 1
                counts[2, document] += count_sentences(seen, place, stop, tables, room)
                written[stop] = 10
                place = stop + 1
            i = line_end + gap
        if verdict == 0 and counts[2, document] < limits.min_sentences:
            verdict = np.uint64(3)
        counts[3, document] = np.int64(verdict)
        head = skip_space(seen, first, place)
        tail = trim_space(seen, head, place)
        for k in range(head, tail):
            written[first + k - head] = seen[k]
        place = first + tail - head
        offsets[document + 1] = place
