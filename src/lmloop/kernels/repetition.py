"""Gopher repetition: how much of a document is the same lines, paragraphs and n-grams over again.

Rae et al. 2021, appendix A.1.1 ("Repetition removal", table A1), with datatrove's reading of what the paper
leaves open. An n-gram is n tokens in a row, punctuation among them. In a document read as CJK (at least half
of its words are), where the paper says n words we take n words' worth of characters: 1.5 n, rounded up; so a
repeated phrase of five words is caught at the length that it has in either language.

n-grams are found level by level, from pairs of tokens (by a 64-bit hash) on: an n-gram can only be there twice if
both of its (n-1)-grams are. Each level numbers its repeated n-grams, and the next looks at neighbouring pairs of such
numbers alone. So nothing is estimated, and the work shrinks with every level.

As in datatrove, the most frequent n-gram counts though it come but once. In a text of fewer than some 25 words it
may then pass its limit though nothing is repeated: the paper's rules begin with 50 words.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.bits import fold
from lmloop.kernels.hashing import GOLDEN, ROOT_2, ROOT_3, hash_range
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.lines import Lines, cut_lines
from lmloop.kernels.numbering import duplicate_grams, keep_repeated, make_scratch, number_keys
from lmloop.kernels.peer.joined import join_tokens, joined_duplicates
from lmloop.kernels.quality import READ_AS_CJK
from lmloop.kernels.text import Floats, Integers, TextBuffer, count_code_points, read_only, skip_space, trim_space
from lmloop.kernels.words import CJK_PER_WORD, KIND_CJK, KIND_SYMBOL, Tokens

TOP_SIZES = (2, 3, 4)
DUPLICATE_SIZES = (5, 6, 7, 8, 9, 10)

REASONS = (
    *("kept", "duplicate-paragraphs", "duplicate-paragraph-characters"),
    *("duplicate-lines", "duplicate-line-characters"),
    *(f"top-{n}-gram" for n in TOP_SIZES),
    *(f"duplicate-{n}-grams" for n in DUPLICATE_SIZES),
    "empty",  # by datatrove's rules alone
)


class RepetitionThresholds(NamedTuple):
    """The highest share that each statistic may have; the defaults are the paper's (table A1)."""

    paragraphs: float = 0.30
    paragraph_characters: float = 0.20
    lines: float = 0.30
    line_characters: float = 0.20
    top_2_gram: float = 0.20
    top_3_gram: float = 0.18
    top_4_gram: float = 0.16
    duplicate_5_grams: float = 0.15
    duplicate_6_grams: float = 0.14
    duplicate_7_grams: float = 0.13
    duplicate_8_grams: float = 0.12
    duplicate_9_grams: float = 0.11
    duplicate_10_grams: float = 0.10


class RepetitionStatistics(NamedTuple):
    """Statistics of each document, float64 [documents] each; of an empty document, 0.

    ``paragraphs`` and ``lines``: share of them that were there before. All others are shares of the document's
    code points: in such paragraphs or lines, in the most frequent n-gram (all its places, tokens joined by one
    space but between CJK characters), and in n-grams that were there before (none counted twice).
    """

    paragraphs: Floats
    paragraph_characters: Floats
    lines: Floats
    line_characters: Floats
    top_2_gram: Floats
    top_3_gram: Floats
    top_4_gram: Floats
    duplicate_5_grams: Floats
    duplicate_6_grams: Floats
    duplicate_7_grams: Floats
    duplicate_8_grams: Floats
    duplicate_9_grams: Floats
    duplicate_10_grams: Floats


def repetition_statistics(
    buffer: TextBuffer, tokens: Tokens, joined: bool = False, lines: Lines | None = None
) -> RepetitionStatistics:
    """Take the statistics of each document from its text, its tokens and its lines (cut here where none are given).

    ``joined``: duplicate n-grams are alike where their tokens, put together without spaces, are (as in datatrove).
    """
    lines = lines or cut_lines(buffer)
    statistics = np.zeros((len(RepetitionStatistics._fields), len(buffer.offsets) - 1))
    room = max(int(np.diff(column.first).max(initial=0)) for column in (tokens, lines))
    size = int(np.diff(buffer.offsets).max(initial=0)) if joined else 0
    scratch = make_scratch(room, len(TOP_SIZES) + len(DUPLICATE_SIZES), size)
    _repetition(buffer, (tokens, lines), _gram_sizes(), (scratch, read_only(scratch.joined), joined), statistics)
    return RepetitionStatistics(*statistics)


def repetition_reasons(
    statistics: RepetitionStatistics, thresholds: RepetitionThresholds | None = None
) -> npt.NDArray[np.uint8]:
    """Give the first rule that each document breaks, a number into :data:`REASONS`: uint8 [documents]."""
    limits = thresholds or RepetitionThresholds()
    broken = [share > limit for share, limit in zip(statistics, limits, strict=True)]
    return np.select(broken, range(1, len(broken) + 1), 0).astype(np.uint8)


def _gram_sizes() -> Integers:
    """Tokens in the n-grams of the last nine statistics: row 0 for words, row 1 for CJK characters."""
    sizes = np.array(TOP_SIZES + DUPLICATE_SIZES)
    return np.stack([sizes, np.ceil(sizes * CJK_PER_WORD).astype(np.int64)])


@inlined
def repeated_pieces(count: Any, scratch: Any) -> Any:
    """Mark the first ``count`` pieces, by their ``keys``: gives how many there are that were there before.

    The ``numbers`` of such are those of earlier ones.
    """
    return count - number_keys(scratch, count)


@inlined
def repeated_characters(data: Any, start: Any, count: Any, scratch: Any) -> Any:
    """Count the code points in pieces that were there before: pieces from ``places`` to ``ends`` of a document."""
    characters, seen = 0, 0
    for piece in range(count):
        if scratch.numbers[piece] == seen:
            seen += 1
        else:
            characters += count_code_points(data, start + scratch.places[piece], start + scratch.ends[piece])
    return characters


@inlined
def duplicate_lines(data: Any, start: Any, end: Any, lines: Any, span: Any, scratch: Any) -> Any:
    r"""Look for lines that were there before, as ``re.split(r"\n+")`` gives them, one of a span of ``lines`` each.

    Gives the lines, how many were there before, and the code points in those. A text that begins or ends with a line
    feed has an empty line there.
    """
    first, last = span
    count = last - first
    for k in range(count):
        scratch.keys[k] = lines.hash[first + k]
        scratch.places[k] = lines.start[first + k]
        scratch.ends[k] = lines.end[first + k]
    repeats = repeated_pieces(count, scratch)
    characters = repeated_characters(data, start, count, scratch) if repeats else 0
    at_start = data[start] == 10
    at_end = data[end - 1] == 10
    return count + at_start + at_end, repeats + (at_start & at_end), characters


@inlined
def duplicate_paragraphs(data: Any, start: Any, end: Any, lines: Any, span: Any, scratch: Any) -> Any:
    r"""Look for paragraphs that were there before, as ``re.split(r"\n{2,}", text.strip())`` gives them.

    A paragraph is known by the hashes of its lines, between which there is one line feed each.
    """
    head = skip_space(data, start, end)
    tail = trim_space(data, head, end)
    if head == tail:
        return 1, 0, 0
    pieces, state, begin, before = 0, ROOT_2, head - start, head - start
    for line in range(span[0], span[1]):
        first, last = max(lines.start[line], head - start), min(lines.end[line], tail - start)
        if first >= last:  # white space before the first word, or behind the last
            continue
        if first - before >= 2:
            scratch.keys[pieces], scratch.places[pieces], scratch.ends[pieces] = state, begin, before
            pieces, state, begin = pieces + 1, ROOT_2, first
        whole = first == lines.start[line] and last == lines.end[line]
        key = lines.hash[line] if whole else hash_range(data, start + first, start + last)
        state, before = fold(state ^ key, ROOT_3), last
    scratch.keys[pieces], scratch.places[pieces], scratch.ends[pieces] = state, begin, before
    pieces += 1
    repeats = repeated_pieces(pieces, scratch)
    return pieces, repeats, repeated_characters(data, start, pieces, scratch) if repeats else 0


@inlined
def gram_length(tokens: Any, first: Any, size: Any) -> Any:
    """Count the code points of an n-gram, with one space between tokens that are not both CJK characters."""
    length = np.int64(tokens.length[first])
    for token in range(first + 1, first + size):
        together = tokens.kind[token] == KIND_CJK and tokens.kind[token - 1] == KIND_CJK
        length += tokens.length[token] + (0 if together else 1)
    return length


@inlined
def top_gram(tokens: Any, first: Any, size: Any, candidates: Any, total: Any, scratch: Any) -> Any:
    """Count the code points in all places of the most frequent n-gram (the first, where several are)."""
    best = -1
    for number in range(total):
        if scratch.counts[number] >= 2 and (best < 0 or scratch.counts[number] > scratch.counts[best]):
            best = number
    if best < 0:  # none comes twice
        return gram_length(tokens, first, size)
    for k in range(candidates):
        if scratch.numbers[k] == best:
            return gram_length(tokens, first + scratch.places[k], size) * scratch.counts[best]
    return np.int64(0)


@compiled
def gram_characters(tokens: Any, first: Any, last: Any, sizes: Any, scratch: Any) -> None:
    """Fill ``scratch.characters`` with the code points in the top and the duplicate n-grams of a document.

    Of the sizes of duplicate n-grams, those that ``sizes`` has.
    """
    count = last - first
    scratch.ends[0] = 0
    for k in range(count):
        scratch.ends[k + 1] = scratch.ends[k] + tokens.length[first + k]
    candidates, column = max(count - 1, 0), 0
    for k in range(candidates):
        scratch.keys[k] = fold(fold(tokens.hash[first + k] ^ ROOT_2, GOLDEN) ^ tokens.hash[first + k + 1], ROOT_3)
        scratch.places[k] = k
    candidates = keep_repeated(scratch, candidates)
    for size in range(2, sizes[-1] + 1):
        if size > 2:
            candidates = pair_neighbours(candidates, scratch)
        total = number_keys(scratch, candidates)
        if size == sizes[column]:
            if column >= len(TOP_SIZES):
                scratch.characters[column] = duplicate_grams(size, candidates, scratch)
            elif size <= count:
                scratch.characters[column] = top_gram(tokens, first, size, candidates, total, scratch)
            else:
                scratch.characters[column] = 0
            column += 1


@inlined
def pair_neighbours(candidates: Any, scratch: Any) -> Any:
    """Make the candidates of the next size: repeated n-grams one token apart; gives how many there are."""
    paired = 0
    for k in range(candidates - 1):
        left, right = scratch.numbers[k], scratch.numbers[k + 1]
        # Written whether or not it is kept: a jump that cannot be foreseen would cost more.
        scratch.keys[paired] = (np.uint64(left) << np.uint64(32)) | np.uint64(right)
        kept = (scratch.counts[left] >= 2) & (scratch.counts[right] >= 2)
        kept &= scratch.places[k + 1] == scratch.places[k] + 1
        scratch.places[paired] = scratch.places[k]
        paired += kept
    return paired


@inlined
def cjk_share(tokens: Any, first: Any, last: Any) -> Any:
    """Give the share of a document's words that are CJK, as ``QualityStatistics.cjk_share``."""
    words, cjk = 0, 0
    for token in range(first, last):
        words += tokens.kind[token] != KIND_SYMBOL and tokens.kind[token] != KIND_CJK
        cjk += tokens.kind[token] == KIND_CJK
    return cjk / CJK_PER_WORD / max(words + cjk / CJK_PER_WORD, 1.0)


@compiled
def _repetition(buffer: Any, cuts: Any, sizes: Any, room: Any, statistics: Any) -> None:
    data, (tokens, lines), (scratch, seen, joined) = buffer.data, cuts, room
    for document in range(statistics.shape[1]):
        start, end = buffer.offsets[document], buffer.offsets[document + 1]
        length = count_code_points(data, start, end)
        if length == 0:
            continue
        span = (lines.first[document], lines.first[document + 1])
        pieces, repeats, inside = duplicate_paragraphs(data, start, end, lines, span, scratch)
        statistics[0, document] = repeats / pieces
        statistics[1, document] = inside / length
        pieces, repeats, inside = duplicate_lines(data, start, end, lines, span, scratch)
        statistics[2, document] = repeats / pieces
        statistics[3, document] = inside / length
        first, last = tokens.first[document], tokens.first[document + 1]
        if joined:
            gram_characters(tokens, first, last, sizes[0, : len(TOP_SIZES)], scratch)
            join_tokens(data, start, tokens, first, last, scratch)
            joined_duplicates(seen, last - first, sizes[0, len(TOP_SIZES) :], scratch, len(TOP_SIZES))
        else:
            reading = 1 if cjk_share(tokens, first, last) >= READ_AS_CJK else 0
            gram_characters(tokens, first, last, sizes[reading], scratch)
        for column in range(len(scratch.characters)):
            statistics[4 + column, document] = scratch.characters[column] / length
