"""The ``unicode`` segmentation: tokens of every script by the properties of their characters, in one pass.

A token is one of these, with the marks (accents, joiners, variation selectors) that follow its characters:

* a word: a maximal run of letters and numbers; an apostrophe or hyphen between two of them joins ("don't");
* a CJK character (Han, kana, bopomofo, a hangul syllable): each is a unit of its own. Chinese and Japanese do
  not write where words end, so no rule of ours may depend on a guess of it; what counts words takes
  :data:`CJK_PER_WORD` characters for a word;
* a run of one and the same punctuation mark or symbol ("...", "——", "=====", "😀😀").

White space, control, private and unassigned characters separate tokens. Scripts that put words together from
letters without spaces (Thai, Lao, Khmer, Burmese) give one word for each run.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.bits import HIGH_BITS, LOW_BITS, LOWER_SEVEN, bytes_before, fold, load64
from lmloop.kernels.characters import CJK, JOINER, LETTER, MARK, NUMBER, OTHER, SPACE, classes
from lmloop.kernels.hashing import GOLDEN, ROOT_2, hash_range
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Hashes, Integers, TextBuffer, decode

CJK_PER_WORD = 1.5  # a reading: Chinese prose is about half words of one character, half of two

# Kinds of tokens.
KIND_SYMBOL, KIND_NUMBER, KIND_WORD, KIND_CJK = 0, 1, 2, 3

BYTE = np.uint64(0xFF)
CASE_BITS = np.uint64(0x2020202020202020)  # what tells a from A


class Tokens(NamedTuple):
    """The tokens of a column, one behind the other.

    Document ``i`` has the tokens ``first[i]`` to ``first[i + 1]``; ``first`` int64 [documents + 1]. For each
    token: ``hash`` (uint64, of its bytes), ``start`` (int32, first byte, counted from its document's),
    ``width`` (int32, bytes), ``length`` (int32, code points), ``kind`` (uint8: 0 punctuation or symbol,
    1 word without a letter, 2 word with a letter, 3 CJK character).
    """

    hash: Hashes
    start: npt.NDArray[np.int32]
    width: npt.NDArray[np.int32]
    length: npt.NDArray[np.int32]
    kind: npt.NDArray[np.uint8]
    first: Integers


def segment(buffer: TextBuffer) -> Tokens:
    """Cut each document into tokens."""
    return make_tokens(buffer, lambda document, tokens: _segment(buffer, document, classes(), tokens))


def make_tokens(buffer: TextBuffer, cut: Callable[[int, Tokens], int]) -> Tokens:
    """Make room for the tokens of a column and have them written.

    ``cut`` writes from a document on as long as there is room for a token a byte, and gives the first not done.
    """
    sizes = np.diff(buffer.offsets)
    documents = len(sizes)
    first = np.zeros(documents + 1, np.int64)
    # A token takes 4 bytes or more in nearly all text; where it does not, there is a second round with more room.
    room = int(sizes.sum()) // 4 + int(sizes.max(initial=0)) + 1
    tokens = empty_tokens(room, first)
    done = 0
    while (done := cut(done, tokens)) < documents:
        more = empty_tokens(2 * len(tokens.hash) + int(sizes[done]), first)
        for old, new in zip(_columns(tokens), _columns(more), strict=True):
            new[: first[done]] = old[: first[done]]
        tokens = more
    hashes, start, width, length, kind = (column[: first[-1]] for column in _columns(tokens))
    return Tokens(hashes, start, width, length, kind, first)


def empty_tokens(room: int, first: Integers) -> Tokens:
    """Make room for tokens."""
    start, width, length = (np.empty(room, np.int32) for _ in range(3))
    return Tokens(np.empty(room, np.uint64), start, width, length, np.empty(room, np.uint8), first)


def _columns(tokens: Tokens) -> list[npt.NDArray[Any]]:
    """Give the arrays that have an entry for each token."""
    return [tokens.hash, tokens.start, tokens.width, tokens.length, tokens.kind]


@inlined
def class_at(data: Any, i: Any, end: Any, classes: Any) -> Any:
    """Give the class and the width in bytes of the character at ``i``."""
    byte = data[i]
    if byte < 0x80:
        return classes[byte], np.int64(1)
    point, width = decode(data, i, end)
    return classes[point], width


@inlined
def ascii_letters(word: Any) -> Any:
    """Count the ASCII letters with which eight bytes begin."""
    lower = (word | CASE_BITS) & LOWER_SEVEN
    from_a, beyond_z = lower + LOW_BITS * np.uint64(0x80 - 0x61), lower + LOW_BITS * np.uint64(0x80 - 0x7B)
    return bytes_before(~(from_a & ~beyond_z & ~word) & HIGH_BITS)


@inlined
def word_end(data: Any, i: Any, end: Any, classes: Any, letters: Any) -> Any:
    """Give the end, the code points and whether there is a letter, of a word with some ASCII letters before ``i``."""
    length, lettered = letters, letters > 0
    while i < end:
        kind, width = class_at(data, i, end, classes)
        if kind == LETTER:
            lettered = True
        elif kind == JOINER:
            if length == 0 or i + width >= end:
                break
            after, _ = class_at(data, i + width, end, classes)
            if not LETTER <= after <= NUMBER:
                break
        elif not NUMBER <= kind <= MARK:
            break
        i += width
        length += 1
    return i, length, lettered


@inlined
def run_end(data: Any, i: Any, end: Any, classes: Any) -> Any:
    """Give the end and the code points of the run of one symbol, and of marks, that starts at ``i``."""
    point, width = decode(data, i, end)
    length = 1
    i += width
    while i < end:
        following, width = decode(data, i, end)
        if following != point and classes[following] != MARK:
            break
        i += width
        length += 1
    return i, length


@inlined
def put(tokens: Any, count: Any, start: Any, width: Any, length: Any) -> None:
    """Write where a token stands."""
    tokens.start[count] = start
    tokens.width[count] = width
    tokens.length[count] = length


@inlined
def plain_tokens(data: Any, i: Any, span: Any, classes: Any, tokens: Any, count: Any) -> Any:
    """Write the plain tokens that follow each other: words of up to seven ASCII letters, and single ASCII symbols.

    Most tokens are so. No byte of them is looked at by itself, and no jump depends on what a token is, which could not
    be foreseen. Gives the first byte and the number of the token that are not done, and how many ASCII letters stand
    there, so far as was looked.
    """
    start, end = span
    while i + 8 <= end:
        word = load64(data, i)
        letters = ascii_letters(word)
        if letters == 8:
            return i, count, letters
        size = np.uint64(max(letters, 1))
        bits = np.uint64(8) * size
        head, behind = word & BYTE, (word >> bits) & BYTE
        kind, kind_behind = classes[head], classes[behind]
        in_word = (kind_behind >= LETTER) & (kind_behind <= JOINER)
        goes_on = in_word if letters else (behind == head) & (kind > SPACE)
        if goes_on | ((behind | head) >= 0x80) | ((letters == 0) & (kind >= NUMBER) & (kind <= CJK)):
            return i, count, letters
        # Written whether or not it is a token: as in hash_range.
        tokens.hash[count] = fold(size * ROOT_2 ^ GOLDEN ^ (word & ((np.uint64(1) << bits) - np.uint64(1))), GOLDEN)
        tokens.kind[count] = KIND_WORD if letters else KIND_SYMBOL
        put(tokens, count, i - start, size, size)
        count += kind > SPACE
        i += np.int64(size) + (kind_behind <= SPACE)
    return i, count, np.int64(0)


@inlined
def cjk_characters(data: Any, i: Any, span: Any, classes: Any, tokens: Any, count: Any) -> Any:
    """Write the CJK characters that follow each other; gives the first byte and the number of the token not done."""
    start, end = span
    kind, width = class_at(data, i, end, classes)
    while kind == CJK:
        stop, length = i, 0
        while True:
            stop += width
            length += 1
            kind = OTHER
            if stop < end:
                kind, width = class_at(data, stop, end, classes)
            if kind != MARK:
                break
        tokens.hash[count] = hash_range(data, i, stop)
        tokens.kind[count] = KIND_CJK
        put(tokens, count, i - start, stop - i, length)
        count += 1
        i = stop
    return i, count


@compiled
def segment_document(data: Any, start: Any, end: Any, classes: Any, tokens: Any, count: Any) -> Any:
    """Write the tokens of ``data[start:end]`` from number ``count`` on; gives the number after the last."""
    i, span = start, (start, end)
    while True:
        i, count, letters = plain_tokens(data, i, span, classes, tokens, count)
        if i >= end:
            return count
        kind, width = class_at(data, i, end, classes)
        if kind <= SPACE:  # or OTHER, which is less
            i += width
            continue
        if kind == CJK:
            i, count = cjk_characters(data, i, span, classes, tokens, count)
            continue
        if LETTER <= kind <= MARK:
            stop, length, lettered = word_end(data, i + letters, end, classes, letters)
            tokens.kind[count] = KIND_WORD if lettered else KIND_NUMBER
        else:
            stop, length = run_end(data, i, end, classes)
            tokens.kind[count] = KIND_SYMBOL
        tokens.hash[count] = hash_range(data, i, stop)
        put(tokens, count, i - start, stop - i, length)
        count += 1
        i = stop


@compiled
def _segment(buffer: Any, document: Any, classes: Any, tokens: Any) -> Any:
    """Segment from ``document`` on, as long as there is room; gives the first document not done."""
    first, offsets = tokens.first, buffer.offsets
    while document < len(first) - 1:
        start, end = offsets[document], offsets[document + 1]
        if first[document] + (end - start) > len(tokens.hash):  # a byte is at most one token
            break
        first[document + 1] = segment_document(buffer.data, start, end, classes, tokens, first[document])
        document += 1
    return document
