"""Words as datatrove counts them: the tokens of spaCy's blank English pipeline, every mark among them."""

from typing import Any

import numpy as np

from lmloop.kernels.hashing import hash_range
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.peer.affixes import bits_at
from lmloop.kernels.peer.chunks import LONGEST_SPECIAL, put_special, special_by_hash, split_chunk
from lmloop.kernels.peer.tables import LETTER, SYMBOL, tables
from lmloop.kernels.text import TextBuffer, space_width
from lmloop.kernels.words import KIND_NUMBER, KIND_SYMBOL, KIND_WORD, Tokens, make_tokens


def peer_segment(buffer: TextBuffer) -> Tokens:
    """Cut each document into spaCy's English tokens, without those of white space.

    A token's kind is 0 where all its characters are punctuation to datatrove, 2 where one is a letter, otherwise 1.
    """
    return make_tokens(buffer, lambda document, tokens: _peer_segment(buffer, document, tables(), tokens))


@inlined
def is_letter(byte: Any) -> Any:
    """Say whether a byte is an ASCII letter."""
    return np.uint8((byte | 32) - 97) < 26


@inlined
def measure(data: Any, classes: Any, tokens: Any, k: Any, origin: Any) -> Any:
    """Fill in the hash, the length and the kind of a token whose bounds are known."""
    i = origin + tokens.start[k]
    end = i + tokens.width[k]
    tokens.hash[k] = hash_range(data, i, end)
    length, symbols, letters = 0, 0, np.uint32(0)
    while i < end:
        bits, width = bits_at(data, i, end, classes)
        symbols += (bits & SYMBOL) != 0
        letters |= bits & LETTER
        length += 1
        i += width
    tokens.length[k] = length
    tokens.kind[k] = KIND_SYMBOL if symbols == length else (KIND_WORD if letters else KIND_NUMBER)


@compiled
def peer_document(data: Any, start: Any, end: Any, tables: Any, tokens: Any, count: Any) -> Any:
    """Write the tokens of ``data[start:end]`` from number ``count`` on; gives the number after the last."""
    i = start
    while i < end:
        gap = space_width(data, i, end)
        if gap:
            i += gap
            continue
        first = i
        while i < end and is_letter(data[i]):
            i += 1
        plain = i > first and (i == end or data[i] == 32 or data[i] == 10)
        if plain:
            key = hash_range(data, first, i)
            case = special_by_hash(key, tables.specials) if i - first <= LONGEST_SPECIAL else np.int32(-1)
            if case < 0:
                tokens.hash[count] = key
                tokens.start[count] = first - start
                tokens.width[count] = tokens.length[count] = i - first
                tokens.kind[count] = KIND_WORD
                count += 1
                continue
            stop = put_special(tokens, count, first - start, case, tables.specials)
        else:
            while i < end and not space_width(data, i, end):
                i += 1
            stop = split_chunk(data, (first, i), tables, tokens, count, start)
        while count < stop:
            measure(data, tables.classes, tokens, count, start)
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
