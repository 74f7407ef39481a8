"""Gopher quality: statistics of a document's words, symbols and lines, and the rules over them.

Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher", appendix A.1.1
("Quality filtering"). The paper counts words as white space separates them; so do the ratios here: punctuation
that touches a word belongs to it, and punctuation and symbols that stand alone are a word without a letter (to
datatrove each mark is a word of its own, which drops most text with code or tables in it). The paper is about
English; where a rule counts words, Chinese, Japanese and Korean text is read so that thresholds mean the same:

* number of words: :data:`CJK_PER_WORD` CJK characters count as one word;
* ratios to the number of words ("#", ellipses) and share of words with a letter: a CJK character counts as one
  word with a letter;
* mean word length: taken over the other words, and not asked of a document read as CJK;
* stop words: a document read as CJK must have two different ones of the CJK list, others two of the English.

A document is read as CJK where at least half its words are (``cjk_share`` >= 0.5).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lmloop.kernels.bits import HIGH_BITS, LOW_BITS, bytes_before, count_bits, load64, zero_bytes
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Floats, Hashes, TextBuffer, line_break_width, skip_space, text_buffer, trim_space
from lmloop.kernels.words import CJK_PER_WORD, KIND_CJK, KIND_NUMBER, KIND_SYMBOL, KIND_WORD, Tokens, segment

READ_AS_CJK = 0.5  # from this share of words on

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")  # the paper's; case counts
CJK_STOP_WORDS = (
    *("的", "了", "是", "在", "和", "有", "不", "我"),  # Chinese
    *("の", "は", "に", "を", "が", "で", "と", "も"),  # Japanese particles
    *("이", "는", "을", "의", "에", "가", "은", "를"),  # Korean particles, as syllables
)

REASONS = (
    *("kept", "too-few-words", "too-many-words", "short-words", "long-words", "hash-symbols", "ellipses"),
    *("bullet-lines", "ellipsis-lines", "few-letter-words", "few-stop-words"),
)

LOOKED_AT = np.isin(np.arange(256), [*range(10, 14), *range(28, 31), 35, 46, 0xC2, 0xE2])  # breaks, "#", "." and "…"
HASHES, DOTS, SPACES, LEADS = (LOW_BITS * np.uint64(byte) for byte in (35, 46, 32, 0xE2))  # eight times the byte


class StopWords(NamedTuple):
    """A hash table of stop words: ``hash`` uint64 [slots] (0: free), ``bit`` uint64 [slots].

    A word's slot is its hash shifted right by ``shift``, and no two have the same. Bits 0 to 31 are words of the
    English list, 32 to 63 of the CJK list.
    """

    hash: Hashes
    bit: Hashes
    shift: np.uint64


class QualityThresholds(NamedTuple):
    """What a document must keep to; the defaults are the paper's."""

    min_words: float = 50
    max_words: float = 100_000
    min_word_length: float = 3
    max_word_length: float = 10
    max_hash_ratio: float = 0.1
    max_ellipsis_ratio: float = 0.1
    max_bullet_lines: float = 0.9
    max_ellipsis_lines: float = 0.3
    min_letter_words: float = 0.8
    min_stop_words: float = 2


class QualityStatistics(NamedTuple):
    """Statistics of each document, float64 [documents] each; a ratio to nothing is 0.

    ``words`` without punctuation and symbols, CJK characters counted as said above; ``word_length`` mean code
    points of words that are not CJK; ``hash_ratio`` and ``ellipsis_ratio`` "#" and "..." or "…" to words and
    lone symbols, of which ``letter_words`` is the share with a letter;
    ``bullet_lines`` and ``ellipsis_lines`` share of lines that start with "•" or "-", or end with an ellipsis;
    ``stop_words`` how many different ones of the list that the document is read by; ``cjk_share`` share of
    words that are CJK.
    """

    words: Floats
    word_length: Floats
    hash_ratio: Floats
    ellipsis_ratio: Floats
    bullet_lines: Floats
    ellipsis_lines: Floats
    letter_words: Floats
    stop_words: Floats
    cjk_share: Floats


def quality_statistics(
    buffer: TextBuffer, tokens: Tokens, stop_words: StopWords | None = None, marks_are_words: bool = False
) -> QualityStatistics:
    """Take the statistics of each document from its text and its tokens.

    ``marks_are_words``: ratios are taken to all tokens, each punctuation mark among them (as in datatrove).
    """
    statistics = np.zeros((len(QualityStatistics._fields), len(buffer.offsets) - 1))
    _quality(buffer, tokens, stop_words or default_stop_words(), marks_are_words, statistics)
    return QualityStatistics(*statistics)


def quality_reasons(
    statistics: QualityStatistics, thresholds: QualityThresholds | None = None
) -> npt.NDArray[np.uint8]:
    """Give the first rule that each document breaks, a number into :data:`REASONS`: uint8 [documents]."""
    limits, s = thresholds or QualityThresholds(), statistics
    spaced = s.cjk_share < READ_AS_CJK
    broken = [
        s.words < limits.min_words,
        s.words > limits.max_words,
        spaced & (s.word_length < limits.min_word_length),
        spaced & (s.word_length > limits.max_word_length),
        s.hash_ratio > limits.max_hash_ratio,
        s.ellipsis_ratio > limits.max_ellipsis_ratio,
        s.bullet_lines > limits.max_bullet_lines,
        s.ellipsis_lines > limits.max_ellipsis_lines,
        s.letter_words < limits.min_letter_words,
        s.stop_words < limits.min_stop_words,
    ]
    return np.select(broken, range(1, len(broken) + 1), 0).astype(np.uint8)


def make_stop_words(english: Sequence[str], cjk: Sequence[str]) -> StopWords:
    """Build the table for two lists of up to 32 words; each word must be one token."""
    words = [*english, *cjk]
    tokens = segment(text_buffer(pa.array(words, pa.string())))
    assert len(tokens.hash) == len(words), "a stop word must be one word, or one CJK character"
    assert max(len(english), len(cjk)) <= 32, "at most 32 stop words a list"
    hashes = tokens.hash
    bits = np.uint64(1) << np.array([*range(len(english)), *range(32, 32 + len(cjk))], np.uint64)
    slots = 256
    while len(np.unique(hashes >> np.uint64(65 - slots.bit_length()))) < len(np.unique(hashes)):
        slots *= 2
    shift = np.uint64(65 - slots.bit_length())
    table = StopWords(np.zeros(slots, np.uint64), np.zeros(slots, np.uint64), shift)
    table.hash[hashes >> shift] = hashes
    np.bitwise_or.at(table.bit, hashes >> shift, bits)
    return table


@cache
def default_stop_words() -> StopWords:
    """Give the table of :data:`STOP_WORDS` and :data:`CJK_STOP_WORDS`."""
    return make_stop_words(STOP_WORDS, CJK_STOP_WORDS)


@inlined
def stop_word_bit(key: Any, table: Any) -> Any:
    """Give the bit of a stop word by its token's hash; 0 for all other tokens."""
    slot = key >> table.shift
    return table.bit[slot] if table.hash[slot] == key else np.uint64(0)


@inlined
def is_ellipsis(data: Any, i: Any, end: Any) -> Any:
    """Say whether "…" (U+2026) stands at ``i``."""
    return data[i] == 0xE2 and i + 2 < end and data[i + 1] == 0x80 and data[i + 2] == 0xA6


@inlined
def starts_with_bullet(data: Any, start: Any, end: Any) -> Any:
    """Say whether a line begins with "•" or "-", white space left aside."""
    head = skip_space(data, start, end)
    if head == end:
        return False
    return data[head] == 45 or (
        data[head] == 0xE2 and head + 2 < end and data[head + 1] == 0x80 and data[head + 2] == 0xA2
    )


@inlined
def ends_in_ellipsis(data: Any, start: Any, end: Any) -> Any:
    """Say whether a line ends in "…" or "...", white space left aside."""
    tail = trim_space(data, start, end)
    if tail - start < 3:
        return False
    dots = data[tail - 1] == 46 and data[tail - 2] == 46 and data[tail - 3] == 46
    return dots or is_ellipsis(data, tail - 3, tail)


@inlined
def find_mark(data: Any, i: Any, end: Any) -> Any:
    """Give the next place from ``i`` on with a byte of :data:`LOOKED_AT`, or another control character, or ``end``."""
    while i + 8 <= end:
        word = load64(data, i)
        found = ((word - SPACES) & ~word & HIGH_BITS) | zero_bytes(word ^ HASHES) | zero_bytes(word ^ DOTS)
        found |= zero_bytes((word | SPACES) ^ LEADS)
        if found != 0:
            return i + bytes_before(found)
        i += 8
    while i < end and not LOOKED_AT[data[i]]:
        i += 1
    return i


@compiled
def count_marks(data: Any, start: Any, end: Any) -> Any:
    """Count lines (of ``str.splitlines``), lines with a bullet, lines that end in an ellipsis, "#" and ellipses.

    Ellipses are counted as ``str.count`` does: three dots, not overlapping, or the one character.
    """
    lines, bullets, ellipsis_lines, hashes, ellipses, first, i = 0, 0, 0, 0, 0, start, start
    while True:
        i = find_mark(data, i, end)
        if i >= end:
            break
        byte = data[i]
        if byte == 46:
            if i + 2 < end and data[i + 1] == 46 and data[i + 2] == 46:
                ellipses += 1
                i += 2
            i += 1
            continue
        gap = line_break_width(data, i, end)
        if gap:
            lines += 1
            bullets += starts_with_bullet(data, first, i)
            ellipsis_lines += ends_in_ellipsis(data, first, i)
            i += gap
            first = i
            continue
        hashes += byte == 35
        ellipses += is_ellipsis(data, i, end)
        i += 1
    if first < end:
        lines += 1
        bullets += starts_with_bullet(data, first, end)
        ellipsis_lines += ends_in_ellipsis(data, first, end)
    return lines, bullets, ellipsis_lines, hashes, ellipses


@compiled
def _quality(buffer: Any, tokens: Any, stop_words: Any, marks_are_words: Any, statistics: Any) -> None:
    for document in range(statistics.shape[1]):
        words, letters, lettered, cjk, seen = 0, 0, 0, 0, np.uint64(0)
        lone, gap_before, only_symbols = 0, np.int64(-1), False  # symbols that stand alone between gaps
        first, last = tokens.first[document], tokens.first[document + 1]
        for token in range(first, last):  # without a jump: what comes next cannot be foreseen
            kind, length = tokens.kind[token], tokens.length[token]
            word = (kind == KIND_WORD) | (kind == KIND_NUMBER)
            seen |= stop_word_bit(tokens.hash[token], stop_words)
            cjk += kind == KIND_CJK
            words += word
            letters += length if word else 0
            lettered += kind == KIND_WORD
            gap = tokens.start[token] != gap_before
            lone += gap & only_symbols
            only_symbols = (gap | only_symbols) & (kind == KIND_SYMBOL)
            gap_before = np.int64(tokens.start[token]) + tokens.width[token]
        lone += only_symbols
        start, end = buffer.offsets[document], buffer.offsets[document + 1]
        lines, bullet_lines, ellipsis_lines, hashes, ellipses = count_marks(buffer.data, start, end)
        all_words = words + cjk / CJK_PER_WORD
        share = cjk / CJK_PER_WORD / max(all_words, 1.0)
        marks = last - first - words - cjk if marks_are_words else lone
        count = max(words + cjk + marks, 1)
        statistics[0, document] = all_words
        statistics[1, document] = letters / max(words, 1)
        statistics[2, document] = hashes / count
        statistics[3, document] = ellipses / count
        statistics[4, document] = bullet_lines / max(lines, 1)
        statistics[5, document] = ellipsis_lines / max(lines, 1)
        statistics[6, document] = (lettered + cjk) / count
        mask = seen >> np.uint64(32) if share >= READ_AS_CJK else seen & np.uint64(0xFFFFFFFF)
        statistics[7, document] = count_bits(mask)
        statistics[8, document] = share
