"""Duplicate n-grams as datatrove compares them: as text, the tokens put together without anything between them.

So "10" and "1", "0" are alike, and an n-gram may come twice though no two of its tokens do. What holds for all is that
equal texts begin alike: only n-grams whose first :data:`HEAD` bytes come twice among all tokens' beginnings, or that
are shorter, need be looked at; in prose that is one in ten.
"""

from typing import Any

import numpy as np

from lmloop.kernels.bits import fold, load64
from lmloop.kernels.hashing import ROOT_2, ROOT_3, hash_range
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.numbering import PADDING, duplicate_grams, keep_repeated, mark_keys, number_keys

HEAD = 16


@inlined
def join_tokens(data: Any, start: Any, tokens: Any, first: Any, last: Any, scratch: Any) -> None:
    """Put the tokens of a document together."""
    place = np.int64(0)
    for k in range(first, last):
        scratch.joined_ends[k - first] = place
        i = start + tokens.start[k]
        for j in range(tokens.width[k]):
            scratch.joined[place + j] = data[i + j]
        place += tokens.width[k]
    scratch.joined_ends[last - first] = place
    for j in range(PADDING):
        scratch.joined[place + j] = 0


@compiled
def joined_duplicates(joined: Any, count: Any, sizes: Any, scratch: Any, column: Any) -> None:
    """Fill ``scratch.characters`` from a column on with the code points in duplicate n-grams of each size."""
    ends, last, kept = scratch.joined_ends, max(count - sizes[0] + 1, 0), 0
    for k in range(last):
        i = ends[k]
        scratch.keys[k] = fold(load64(joined, i) ^ ROOT_2, load64(joined, i + 8) ^ ROOT_3)
    mask = mark_keys(scratch, last)
    for k in range(last):
        scratch.starts[kept] = k
        kept += scratch.marks[scratch.keys[k] & mask] >= 3 or ends[k + sizes[0]] - ends[k] < HEAD
    for n in range(len(sizes)):
        size = sizes[n]
        while kept > 0 and scratch.starts[kept - 1] + size > count:
            kept -= 1
        for k in range(kept):
            place = scratch.starts[k]
            scratch.keys[k] = hash_range(joined, ends[place], ends[place + size])
            scratch.places[k] = place
        candidates = keep_repeated(scratch, kept)
        number_keys(scratch, candidates)
        scratch.characters[column + n] = duplicate_grams(size, candidates, scratch)
