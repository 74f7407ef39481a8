"""Words as datatrove counts them: the tokens of spaCy's blank English pipeline, every mark among them."""

from typing import Any

import numpy as np

from lmloop.kernels.bits import fold, load64
from lmloop.kernels.hashing import GOLDEN, ROOT_2, hash_range
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.peer.affixes import bits_at
from lmloop.kernels.peer.chunks import special, special_by_hash, split_chunk
from lmloop.kernels.peer.tables import LETTER, RULED, SPACE, SYMBOL, tables
from lmloop.kernels.text import TextBuffer
from lmloop.kernels.words import BYTE, KIND_NUMBER, KIND_SYMBOL, KIND_WORD, Tokens, ascii_letters, make_tokens

ALL = np.uint32(0xFFFFFFFF)


def peer_segment(buffer: TextBuffer) -> Tokens:
    """Cut each document into spaCy's English tokens, without those of white space.

    A token's kind is 0 where all its characters are punctuation to datatrove, 2 where one is a letter, otherwise 1.
    """
    return make_tokens(buffer, lambda document, tokens: _peer_segment(buffer, document, tables(), tokens))


@inlined
def measure(data: Any, classes: Any, tokens: Any, k: Any, origin: Any) -> Any:
    """Fill in the hash, the length and the kind of a token whose bounds are known."""
    i = origin + tokens.start[k]
    end = i + tokens.width[k]
    tokens.hash[k] = hash_range(data, i, end)
    length, any_bits, all_bits = 0, np.uint32(0), ALL
    while i < end:
        bits, width = bits_at(data, i, end, classes)
        any_bits |= bits
        all_bits &= bits
        length += 1
        i += width
    tokens.length[k] = length
    tokens.kind[k] = kind_of(all_bits & SYMBOL, any_bits)


@inlined
def kind_of(symbols_only: Any, any_bits: Any) -> Any:
    """Give the kind of a token by whether all its characters are punctuation, and the bits of any."""
    return KIND_SYMBOL if symbols_only else (KIND_WORD if any_bits & LETTER else KIND_NUMBER)


@inlined
def is_plain_word(word: Any, letters: Any, tables: Any, tokens: Any, count: Any) -> Any:
    """Say whether eight bytes begin with a word of so many letters, fewer than 8, that is no special case, and a space.

    If so, what it is but for its place is written as token ``count``.
    """
    bits = np.uint64(8) * np.uint64(letters)
    behind = (word >> bits) & BYTE
    if behind >= 0x80 or not tables.classes[behind] & SPACE:
        return False
    # as hash_range has it
    key = fold(np.uint64(letters) * ROOT_2 ^ GOLDEN ^ (word & ((np.uint64(1) << bits) - np.uint64(1))), GOLDEN)
    cases = tables.specials.sizes[word & BYTE] >> np.uint32(letters)
    if cases & np.uint32(1) and special_by_hash(key, tables.specials) >= 0:
        return False
    tokens.hash[count], tokens.length[count], tokens.kind[count] = key, letters, KIND_WORD
    return True


@compiled
def peer_document(data: Any, start: Any, end: Any, tables: Any, tokens: Any, count: Any) -> Any:
    """Write the tokens of ``data[start:end]`` from number ``count`` on; gives the number after the last."""
    classes, i = tables.classes, start
    while i < end:
        letters = np.int64(0)  # of ASCII, which no rule speaks of
        if i + 8 <= end:
            word = load64(data, i)
            letters = ascii_letters(word)
            if 0 < letters < 8 and is_plain_word(word, letters, tables, tokens, count):
                tokens.start[count], tokens.width[count] = i - start, letters
                count += 1
                i += letters + 1
                continue
        bits, width = bits_at(data, i, end, classes)
        if bits & SPACE:
            i += width
            continue
        first, length, ruled = i, letters, 0
        any_bits, all_bits = np.uint32(LETTER if letters else 0), np.uint32(0) if letters else ALL
        i += letters
        while i < end:
            bits, width = bits_at(data, i, end, classes)
            if bits & SPACE:
                break
            any_bits |= bits
            all_bits &= bits
            ruled += (bits & RULED) != 0  # characters that a rule speaks of
            length += 1
            i += width
        if ruled == 0 and special(data, first, i, tables.specials) < 0:
            tokens.hash[count] = hash_range(data, first, i)
            tokens.start[count], tokens.width[count] = first - start, i - first
            tokens.length[count] = length
            tokens.kind[count] = kind_of(all_bits & SYMBOL, any_bits)
            count += 1
            continue
        stop = split_chunk(data, (first, i), tables, tokens, count, start)
        while count < stop:
            measure(data, classes, tokens, count, start)
            count += 1
    return count


@compiled
def _peer_segment(buffer: Any, document: Any, tables: Any, tokens: Any) -> Any:
    """Segment from ``document`` on, as long as there is room; gives the first document not done."""
    first, offsets = tokens.first, buffer.offsets
    while document < len(first) - 1:
        start, end = offsets[document], offsets[document + 1]
        if first[document] + (end - start) > len(tokens.hash):  # a byte is at most one token
            break
        first[document + 1] = peer_document(buffer.data, start, end, tables, tokens, first[document])
        document += 1
    return document
