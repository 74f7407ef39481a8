"""FineWeb's quality rules: terminal punctuation, short lines, lines over again, and lists.

Penedo et al. 2024, "The FineWeb Datasets", section 3.6 and appendix; the details are those of the authors' code
in datatrove. Read in Chinese, Japanese and Korean: a closing quote or bracket behind 。！？ ends a line as the
mark does; a CJK character is as wide as two letters where lines are called short; and 1.5 of them are a word.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.characters import CJK, classes
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.pieces import LINES, Pieces, cut, document_sums, piece_hashes, piece_lengths, repeated
from lmloop.kernels.sentences import CJK_TERMINAL, CLOSER, TERMINAL, terminals
from lmloop.kernels.text import Floats, TextBuffer, decode, skip_space
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


def fineweb_statistics(buffer: TextBuffer, tokens: Tokens, short: int = 30) -> FineWebStatistics:
    """Take the statistics of each document from its text and its tokens; a line is short up to ``short`` characters."""
    pieces = cut(buffer, LINES)
    flags = np.empty((3, len(pieces.start)), np.bool_)
    _line_flags(buffer.data, pieces, (classes(), terminals()), short, flags)
    full, punctuated, narrow = flags
    lengths = piece_lengths(buffer, pieces)
    again = repeated(piece_hashes(buffer, pieces)[:, 0], pieces.first) & full
    lines, characters = document_sums(full, pieces.first), document_sums(lengths, pieces.first)
    newlines = np.diff(pieces.first) - 1
    cjk = document_sums(tokens.kind == KIND_CJK, tokens.first)
    words = np.diff(tokens.first) - cjk + cjk / CJK_PER_WORD
    return FineWebStatistics(
        lines.astype(np.float64),
        document_sums(full & punctuated, pieces.first) / np.maximum(lines, 1),
        document_sums(full & narrow, pieces.first) / np.maximum(lines, 1),
        document_sums(lengths * again, pieces.first) / np.maximum(characters, 1),
        newlines / np.maximum(words, 1),
    )


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
def is_narrow(data: Any, start: Any, end: Any, classes: Any, short: Any) -> Any:
    """Say whether a line is at most so many characters wide, a CJK character being two."""
    if end - start > 4 * short:
        return False
    width, i = 0, start
    while i < end:
        point, size = decode(data, i, end)
        width += 2 if classes[point] == CJK else 1
        i += size
    return width <= short


@compiled
def _line_flags(data: Any, pieces: Pieces, tables: Any, short: Any, flags: Any) -> None:
    classes, terminals = tables
    for k in range(flags.shape[1]):
        start, end = pieces.start[k], pieces.stop[k]
        flags[0, k] = skip_space(data, start, end) < end
        flags[1, k] = ends_terminal(data, start, end, terminals)
        flags[2, k] = is_narrow(data, start, end, classes, short)
