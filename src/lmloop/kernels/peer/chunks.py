"""spaCy's tokens of a chunk of text without white space, exactly, as its English tokenizer cuts them.

The steps are those of ``spacy.tokenizer.Tokenizer``: affixes are peeled off as long as a rule finds one and the rest
is no special case; the rest is a special case, a URL, or cut at its infixes; and in the finished tokens special cases
are looked for once more (":)" is found behind a word). Only the last step looks beyond a chunk in spaCy: a case whose
tokens stand in two chunks changes nothing by itself, but hides a shorter one that it overlaps. That is not followed.
"""

from typing import Any

import numpy as np

from lmloop.kernels.hashing import hash_range
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.peer.affixes import before, bits_at, infix_width, is_url, prefix_width, suffix_width
from lmloop.kernels.peer.tables import INFIX

LONGEST_SPECIAL = 29  # bytes
MOST_FOUND = 12  # tokens of a special case that is looked for among tokens


@inlined
def special(data: Any, start: Any, end: Any, specials: Any) -> Any:
    """Give the number of the special case that the whole is; -1 where it is none."""
    size = end - start
    if size > LONGEST_SPECIAL or not (specials.sizes[data[start]] >> np.uint32(size)) & np.uint32(1):
        return np.int32(-1)
    return special_by_hash(hash_range(data, start, end), specials)


@inlined
def special_by_hash(key: Any, specials: Any) -> Any:
    """Give the number of the special case with a hash; -1 where there is none."""
    mask = np.uint64(len(specials.hash) - 1)
    slot = key & mask
    while specials.hash[slot] != 0:
        if specials.hash[slot] == key:
            return specials.number[slot]
        slot = (slot + np.uint64(1)) & mask
    return np.int32(-1)


@inlined
def put(tokens: Any, count: Any, start: Any, width: Any) -> Any:
    """Write one token; gives the number after it."""
    tokens.start[count] = start
    tokens.width[count] = width
    return count + 1


@inlined
def put_special(tokens: Any, count: Any, start: Any, case: Any, specials: Any) -> Any:
    """Write the tokens of a special case; gives the number after the last."""
    for k in range(specials.first[case], specials.first[case + 1]):
        count = put(tokens, count, start, specials.widths[k])
        start += specials.widths[k]
    return count


@inlined
def put_infixes(data: Any, span: Any, classes: Any, tokens: Any, count: Any, origin: Any) -> Any:
    """Write a word, the bytes of ``span``, cut at its infixes; one at its very beginning is none."""
    start, end = span
    first = i = start
    left = np.uint32(0)
    while i < end:
        bits, width = bits_at(data, i, end, classes)
        infix = infix_width(data, i, end, left, classes) if bits & INFIX else np.int64(0)
        if infix == 0:
            i += width
            left = bits
            continue
        if i > start:
            if i > first:
                count = put(tokens, count, first - origin, i - first)
            count = put(tokens, count, i - origin, infix)
            first = i + infix
        i += infix
        left, _ = bits_at(data, before(data, start, i), i, classes)
    if first < end:
        count = put(tokens, count, first - origin, end - first)
    return count


@inlined
def split_chunk(data: Any, span: Any, tables: Any, tokens: Any, count: Any, origin: Any) -> Any:
    """Write start (counted from ``origin``) and width of the tokens of the bytes of ``span``, from number ``count`` on.

    Gives the number after the last. There must be room for a token a byte.
    """
    classes, specials, (start, end) = tables.classes, tables.specials, span
    base, size, behind = count, end - start, np.int64(0)
    a, b, size_before = start, end, np.int64(-1)
    while a < b and b - a != size_before:
        if special(data, a, b, specials) >= 0:
            break
        size_before = b - a
        prefix = prefix_width(data, a, b, classes)
        if prefix > 0 and a + prefix < b and special(data, a + prefix, b, specials) >= 0:
            count = put(tokens, count, a - origin, prefix)
            a += prefix
            break
        suffix = suffix_width(data, a + prefix, b, classes, tables.units)
        hidden = suffix > 0 and b - suffix > a and special(data, a, b - suffix, specials) >= 0
        if prefix > 0 and not hidden:
            count = put(tokens, count, a - origin, prefix)
            a += prefix
        if suffix > 0:  # suffixes come from the end: they wait there, behind all room that tokens before them take
            behind += 1
            b -= suffix
            tokens.start[base + size - behind] = b - origin
            tokens.width[base + size - behind] = suffix
        if hidden:
            break
    if a < b:
        case = special(data, a, b, specials)
        if case >= 0:
            count = put_special(tokens, count, a - origin, case, specials)
        elif is_url(data, a, b, classes):
            count = put(tokens, count, a - origin, b - a)
        else:
            count = put_infixes(data, (a, b), classes, tokens, count, origin)
    for k in range(base + size - behind, base + size):
        count = put(tokens, count, tokens.start[k], tokens.width[k])
    return find_specials(data, specials, tokens, base, count, origin)


@inlined
def case_of(data: Any, tokens: Any, first: Any, length: Any, specials: Any, origin: Any) -> Any:
    """Give the special case that so many tokens are, where their bounds are those that it is looked for by; or -1."""
    begin, last = origin + tokens.start[first], first + length - 1
    end = origin + tokens.start[last] + tokens.width[last]
    size = end - begin
    if size > LONGEST_SPECIAL or not (specials.found_sizes[data[begin]] >> np.uint32(size)) & np.uint32(1):
        return np.int32(-1)
    case = special(data, begin, end, specials)
    if case < 0:
        return case
    k = specials.found_first[case]
    if specials.found_first[case + 1] - k != length:
        return np.int32(-1)
    for token in range(first, first + length):
        if tokens.width[token] != specials.found_widths[k]:
            return np.int32(-1)
        k += 1
    return case


@inlined
def find_specials(data: Any, specials: Any, tokens: Any, base: Any, count: Any, origin: Any) -> Any:
    """Put special cases in the place of tokens that make one; longer ones first, then those in front.

    Gives the number after the last token.
    """
    chosen = False
    for k in range(base, count):
        tokens.kind[k] = 0  # 1: taken, or hidden
        tokens.length[k] = -1  # the case that was found to begin here
    for length in range(min(MOST_FOUND, count - base), 0, -1):
        for k in range(base, count - length + 1):
            case = case_of(data, tokens, k, length, specials, origin)
            if case < 0:
                continue
            if not (tokens.kind[k] or tokens.kind[k + length - 1]):
                tokens.length[k] = case
                chosen = True
            for j in range(k, k + length):
                tokens.kind[j] = 1
    return replace(specials, tokens, base, count) if chosen else count


@compiled
def replace(specials: Any, tokens: Any, base: Any, count: Any) -> Any:
    """Write the tokens again, with those of the special cases that were found; gives the number after the last."""
    last = count - 1
    size = tokens.start[last] + tokens.width[last] - tokens.start[base]
    shift = size - (count - base)  # a token has a byte or more: read from here, none is overwritten before it is read
    for k in range(count - 1, base - 1, -1):
        tokens.start[k + shift], tokens.width[k + shift] = tokens.start[k], tokens.width[k]
        tokens.length[k + shift] = tokens.length[k]
    read, write = base + shift, base
    while read < count + shift:
        case, start = tokens.length[read], tokens.start[read]
        if case < 0:
            write = put(tokens, write, start, tokens.width[read])
            read += 1
            continue
        read += specials.found_first[case + 1] - specials.found_first[case]
        write = put_special(tokens, write, start, case, specials)
    return write
