"""FineWeb's quality rules: terminal punctuation, short lines, lines over again, and lists.

Penedo et al. 2024, "The FineWeb Datasets", section 3.6 and appendix; the details are those of the authors' code
in datatrove. Read in Chinese, Japanese and Korean: a closing quote or bracket behind 。！？ ends a line as the
mark does; a CJK character is as wide as two letters where lines are called short; and 1.5 of them are a word.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.characters import CJK, classes
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.lines import Lines, cut_lines
from lmloop.kernels.numbering import make_scratch
from lmloop.kernels.peer.tables import TERMINAL as TERMINAL_BIT
from lmloop.kernels.peer.tables import tables
from lmloop.kernels.repetition import repeated_characters, repeated_pieces
from lmloop.kernels.sentences import CJK_TERMINAL, CLOSER, NONE, TERMINAL, terminals
from lmloop.kernels.text import Floats, TextBuffer, count_code_points, decode, skip_space
from lmloop.kernels.words import CJK_PER_WORD, KIND_CJK, Tokens

REASONS = ("kept", "empty", "unpunctuated-lines", "short-lines", "duplicate-line-characters", "list")


class FineWebThresholds(NamedTuple):
    """What a document must keep to; the defaults are the paper's."""

    min_punctuated_lines: float = 0.12
    max_short_lines: float = 0.67
    max_duplicate_characters: float = 0.01
    max_newlines_a_word: float = 0.3


class FineWebStatistics(NamedTuple):
    """Statistics of each document, float64 [documents] each; a ratio to nothing is 0.

    ``lines`` that are not blank; ``punctuated_lines`` the share of them that end in a terminal mark; ``short_lines``
    the share of at most so many characters; ``duplicate_characters`` the share of characters in lines that stood
    earlier; ``newlines_a_word`` newlines to words and marks.
    """

    lines: Floats
    punctuated_lines: Floats
    short_lines: Floats
    duplicate_characters: Floats
    newlines_a_word: Floats


def fineweb_statistics(
    buffer: TextBuffer, tokens: Tokens, short: int = 30, peer: bool = False, lines: Lines | None = None
) -> FineWebStatistics:
    """Take the statistics of each document from its text, its tokens and its lines (cut here where none are given).

    A line is short up to ``short`` characters. ``peer``: lines are read as datatrove does, without a reading for CJK.
    """
    lines = lines or cut_lines(buffer)
    statistics = np.zeros((len(FineWebStatistics._fields), len(buffer.offsets) - 1))
    ends = peer_terminals() if peer else terminals()
    scratch = make_scratch(int(np.diff(lines.first).max(initial=0)))
    _fineweb(buffer, (tokens, lines), (classes(), ends, short, peer), scratch, statistics)
    return FineWebStatistics(*statistics)


@cache
def peer_terminals() -> npt.NDArray[np.uint8]:
    """Give datatrove's terminal punctuation in the form of :func:`terminals`: uint8 [0x110000]."""
    table = np.where(tables().classes & TERMINAL_BIT, TERMINAL, NONE).astype(np.uint8)
    table.flags.writeable = False
    return table


def fineweb_reasons(
    statistics: FineWebStatistics, thresholds: FineWebThresholds | None = None
) -> npt.NDArray[np.uint8]:
    """Give the first rule that each document breaks, a number into :data:`REASONS`: uint8 [documents]."""
    limits, s = thresholds or FineWebThresholds(), statistics
    broken = [
        s.lines == 0,
        s.punctuated_lines < limits.min_punctuated_lines,
        s.short_lines > limits.max_short_lines,
        s.duplicate_characters > limits.max_duplicate_characters,
        s.newlines_a_word > limits.max_newlines_a_word,
    ]
    return np.select(broken, range(1, len(broken) + 1), 0).astype(np.uint8)


@inlined
def ends_terminal(data: Any, start: Any, end: Any, terminals: Any) -> Any:
    """Say whether a line ends in a terminal mark, or in closing quotes and brackets behind one of CJK text."""
    closed = False
    while end > start:
        i = end - 1
        while i > start and (data[i] & 0xC0) == 0x80:
            i -= 1
        point, _ = decode(data, i, end)
        kind = terminals[point]
        if kind != CLOSER or point < 0x80:
            return kind == CJK_TERMINAL or (kind == TERMINAL and not closed)
        closed, end = True, i
    return False


@inlined
def is_narrow(data: Any, start: Any, end: Any, classes: Any, short: Any, peer: Any) -> Any:
    """Say whether a line is at most so many characters wide, a CJK character being two."""
    if end - start <= short:  # no character is wider than its bytes
        return True
    if end - start > 4 * short:
        return False
    width, i = 0, start
    while i < end:
        point, size = decode(data, i, end)
        width += 2 if classes[point] == CJK and not peer else 1
        i += size
    return width <= short


@compiled
def _fineweb(buffer: Any, cuts: Any, reading: Any, scratch: Any, statistics: Any) -> None:
    data, (tokens, lines), (classes, terminals, short, peer) = buffer.data, cuts, reading
    for document in range(statistics.shape[1]):
        start, end = buffer.offsets[document], buffer.offsets[document + 1]
        count, newlines, punctuated, narrow = 0, end - start, 0, 0
        for line in range(lines.first[document], lines.first[document + 1]):
            i, stop = start + lines.start[line], start + lines.end[line]
            newlines -= stop - i
            if skip_space(data, i, stop) < stop:
                punctuated += ends_terminal(data, i, stop, terminals)
                narrow += is_narrow(data, i, stop, classes, short, peer)
                scratch.keys[count] = lines.hash[line]
                scratch.places[count] = i - start
                scratch.ends[count] = stop - start
                count += 1
        characters = count_code_points(data, start, end) - newlines
        repeats = repeated_pieces(count, scratch)
        inside = repeated_characters(data, start, count, scratch) if repeats else 0
        words, cjk = tokens.first[document + 1] - tokens.first[document], 0
        for token in range(tokens.first[document], tokens.first[document + 1]):
            cjk += tokens.kind[token] == KIND_CJK
        statistics[0, document] = count
        statistics[1, document] = punctuated / max(count, 1)
        statistics[2, document] = narrow / max(count, 1)
        statistics[3, document] = inside / max(characters, 1)
        statistics[4, document] = newlines / max(words - cjk + cjk / CJK_PER_WORD, 1.0)
