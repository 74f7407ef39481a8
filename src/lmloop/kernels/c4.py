"""C4's rules over the lines of a document: which stay, and whether the document does.

Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", section
2.2, as their code has them (tensorflow/datasets, ``c4_utils.py``). Read in Chinese, Japanese and Korean: 。！？ are
terminal marks, and so is a closing quote or bracket behind one; 1.5 CJK characters count as a word, and none of them
makes a word too long; and there are Chinese phrases beside the English ones.
"""

# ruff: noqa: PLR1714  (a chain of comparisons is what compiles well; a set is not)

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.characters import CJK, classes
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.phrases import Phrases, find_groups, make_phrases, matches
from lmloop.kernels.sentences import CJK_TERMINAL, CLOSER, count_sentences, terminals
from lmloop.kernels.text import (
    Bytes,
    Integers,
    TextBuffer,
    decode,
    line_break_width,
    read_only,
    skip_space,
    space_width,
    trim_space,
)
from lmloop.kernels.words import CJK_PER_WORD

REASONS = ("kept", "lorem-ipsum", "curly-bracket", "too-few-sentences")

LOREM, CURLY, JAVASCRIPT, POLICY = 0, 1, 2, 3
PHRASES = {
    LOREM: ("lorem ipsum",),
    CURLY: ("{",),
    JAVASCRIPT: ("javascript",),
    POLICY: (
        *("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"),
        *("隐私政策", "隐私权政策", "服务条款", "使用条款", "用户协议", "使用cookie", "使用 cookie"),
        *("隱私政策", "隱私權政策", "服務條款", "使用條款", "用戶協議", "使用者協議"),
    ),
}
CITATIONS = ("[edit]", "[citation needed]")
RULES = ("lorem-ipsum", "curly-bracket", "javascript", "policy", "terminal-mark", "citations")
"""Rules that can be left out, by their bits; the first four are the groups of :data:`PHRASES`."""
ALL_RULES = (1 << len(RULES)) - 1
TERMINAL_MARK, WITHOUT_CITATIONS = 4, 5


class C4Limits(NamedTuple):
    """What lines and documents must keep to; ``rules`` has a bit for each of :data:`RULES` that holds."""

    max_word_length: int = 1000
    min_line_words: float = 3
    min_sentences: int = 5
    rules: int = ALL_RULES


class C4Result(NamedTuple):
    """What is left of each document: its text, its reason (a number into :data:`REASONS`), and counts.

    ``lines`` all lines, ``kept_lines`` those that stay, ``sentences`` in them: int64 [documents] each.
    """

    text: TextBuffer
    reasons: npt.NDArray[np.uint8]
    lines: Integers
    kept_lines: Integers
    sentences: Integers


def c4(buffer: TextBuffer, limits: C4Limits | None = None) -> C4Result:
    """Apply the rules to each document."""
    tables = (classes(), terminals(), phrases(), citations())
    held = of_one_type(limits or C4Limits())
    return c4_result(buffer, lambda out, counts: _c4(buffer, held, tables, out, counts))


def of_one_type(limits: C4Limits) -> C4Limits:
    """See limits as kernels are compiled for them, whether a setting was 3 or 3.0."""
    return limits._replace(min_line_words=float(limits.min_line_words))


def c4_result(buffer: TextBuffer, write: Callable[[tuple[Bytes, Bytes, Integers], Integers], None]) -> C4Result:
    """Make room for what is left of each document, and have it and the counts written."""
    documents = len(buffer.offsets) - 1
    # A line ends with one byte or more, and is written with one; the last may have had none.
    data = np.empty(int(buffer.offsets[-1] - buffer.offsets[0]) + documents, np.uint8)
    counts = np.zeros((4, documents), np.int64)
    offsets = np.zeros(documents + 1, np.int64)
    write((data, read_only(data), offsets), counts)
    text = TextBuffer(data[: offsets[-1]], offsets)
    return C4Result(text, counts[3].astype(np.uint8), counts[0], counts[1], counts[2])


@cache
def phrases() -> Phrases:
    """Give the table of :data:`PHRASES`."""
    return make_phrases(PHRASES)


@cache
def citations() -> Phrases:
    """Give the table of :data:`CITATIONS`."""
    return make_phrases({0: CITATIONS})


@inlined
def citation_width(data: Any, i: Any, end: Any, citations: Any) -> Any:
    """Give the bytes of the citation at ``i`` ("[12]", "[]", "[edit]", "[citation needed]"); 0 where there is none."""
    j = i + 1
    while j < end and 48 <= data[j] <= 57:
        j += 1
    if j < end and data[j] == 93:
        return j + 1 - i
    for k in range(len(citations.group)):
        size = citations.starts[k + 1] - citations.starts[k]
        if i + size <= end and matches(data, i, citations, k):
            return size
    return np.int64(0)


@inlined
def line_words(data: Any, start: Any, end: Any, classes: Any) -> Any:
    """Count the words of a line as ``str.split`` has them, and the characters of its longest."""
    words, cjk, longest, length, i = 0, 0, 0, 0, start
    while i < end:
        byte = data[i]
        if byte < 0x80:
            if byte <= 32 and space_width(data, i, end):
                words += length > 0
                length = 0
            else:
                length += 1
                longest = max(longest, length)
            i += 1
            continue
        gap = space_width(data, i, end)
        if gap:
            words += length > 0
            length = 0
            i += gap
            continue
        point, width = decode(data, i, end)
        if classes[point] == CJK:
            cjk += 1
        elif point < 0x3000 or point > 0xFF65:  # marks of CJK text stand beside its characters and are no words
            length += 1
            longest = max(longest, length)
        i += width
    words += length > 0
    return words + cjk / CJK_PER_WORD, longest


@inlined
def ends_well(data: Any, start: Any, end: Any, terminals: Any) -> Any:
    """Say whether a line ends in a terminal mark of C4 and not in an ellipsis."""
    if end == start:
        return False
    last = data[end - 1]
    if last < 0x80:
        if last == 46:
            return not (end - start >= 3 and data[end - 2] == 46 and data[end - 3] == 46)
        return last == 63 or last == 33 or last == 34 or last == 39
    return ends_cjk(data, start, end, terminals)


@inlined
def ends_cjk(data: Any, start: Any, end: Any, terminals: Any) -> Any:
    """Say whether a line ends in a terminal mark of CJK text, closing quotes and brackets behind it left aside."""
    while end > start:
        i = end - 1
        while i > start and (data[i] & 0xC0) == 0x80:
            i -= 1
        point, _ = decode(data, i, end)
        if terminals[point] == CJK_TERMINAL:
            return True
        if terminals[point] != CLOSER or point < 0x80:
            return False
        end = i
    return False


@compiled
def copy_line(data: Any, line: Any, citations: Any, out: Any, place: Any, without: Any) -> Any:
    """Write a line, ``without`` its citations or whole; gives where it ends."""
    i, end = line
    while i < end:
        if without and data[i] == 91:
            width = citation_width(data, i, end, citations)
            if width:
                i += width
                continue
        out[place] = data[i]
        place += 1
        i += 1
    return place


@inlined
def line_verdict(found: Any, place: Any, stop: Any) -> Any:
    """Give where a written line ends, ``place`` if it goes, and the bits of what was found that drops a document."""
    if found & np.uint64(1 << LOREM):
        return place, np.uint64(1)
    if found & np.uint64(1 << JAVASCRIPT):
        return place, np.uint64(0)
    if found & np.uint64(1 << CURLY):
        return place, np.uint64(2)
    if found & np.uint64(1 << POLICY):
        return place, np.uint64(0)
    return stop, np.uint64(0)


@compiled
def judge_line(data: Any, line: Any, limits: Any, tables: Any, out: Any, place: Any) -> Any:
    """Write a line where it may stay; gives where it ends, and the bits of what was found that drops a document."""
    classes, terminals, phrases, citations = tables
    (start, end), (written, seen, _) = line, out
    words, longest = line_words(data, start, end, classes)
    if words < limits.min_line_words or longest > limits.max_word_length:
        return place, np.uint64(0)
    stop = copy_line(data, line, citations, written, place, limits.rules >> WITHOUT_CITATIONS & 1)
    if limits.rules >> TERMINAL_MARK & 1 and not ends_well(seen, place, stop, terminals):
        return place, np.uint64(0)
    return line_verdict(find_groups(seen, place, stop, phrases) & np.uint64(limits.rules), place, stop)


@compiled
def _c4(buffer: Any, limits: Any, tables: Any, out: Any, counts: Any) -> None:
    data, (written, seen, offsets) = buffer.data, out
    place = np.int64(0)
    for document in range(counts.shape[1]):
        i, end, first, verdict = buffer.offsets[document], buffer.offsets[document + 1], place, np.uint64(0)
        while i < end and verdict == 0:
            start, gap = i, 0
            while i < end:
                gap = line_break_width(data, i, end)
                if gap:
                    break
                i += 1
            counts[0, document] += 1
            head = skip_space(data, start, i)
            stop, verdict = judge_line(data, (head, trim_space(data, head, i)), limits, tables, out, place)
            if stop > place:
                counts[1, document] += 1
                counts[2, document] += count_sentences(seen, place, stop, tables[1])
                written[stop] = 10
                place = stop + 1
            i += gap
        if verdict == 0 and counts[2, document] < limits.min_sentences:
            verdict = np.uint64(3)
        counts[3, document] = np.int64(verdict)
        place = max(place - 1, first)  # without the newline behind the last line
        offsets[document + 1] = place
