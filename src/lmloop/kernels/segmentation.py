"""The tokens of a batch, cut once for all ops that count words in it.

Ops of a chain see the same rows one after the other, fewer each time. What was cut last is kept (one column a thread
and way of counting), and taken for those documents that are still there, byte for byte.
"""

import threading
from typing import Any, Literal, TypeAlias

import numpy as np

from lmloop.kernels.hashing import load64
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.peer.words import peer_segment
from lmloop.kernels.text import Integers, TextBuffer
from lmloop.kernels.words import Tokens, empty_tokens, segment

Words: TypeAlias = Literal["unicode", "spacy-en"]
"""How words are counted: by our own segmentation, or as datatrove does with spaCy's English tokens."""

MOST_KEPT = 64 << 20  # bytes of text: a larger column is not kept

_LAST = threading.local()


def tokens_of(buffer: TextBuffer, words: Words = "unicode") -> Tokens:
    """Cut each document into tokens, or give those that were cut before."""
    kept: dict[str, tuple[TextBuffer, Tokens]] = _LAST.__dict__
    if words in kept:
        old, tokens = kept[words]
        places = np.empty(len(buffer.offsets) - 1, np.int64)
        if _find_documents(old, buffer, places):
            return tokens if len(places) == len(old.offsets) - 1 else _take(tokens, places)
        del kept[words]
    tokens = segment(buffer) if words == "unicode" else peer_segment(buffer)
    if buffer.offsets[-1] - buffer.offsets[0] <= MOST_KEPT:
        kept[words] = (buffer, tokens)
    return tokens


def _take(tokens: Tokens, places: Integers) -> Tokens:
    counts = tokens.first[places + 1] - tokens.first[places]
    taken = empty_tokens(int(counts.sum()), np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]))
    _copy_tokens(tokens, places, taken)
    return taken


@inlined
def same_bytes(left: Any, i: Any, right: Any, j: Any, size: Any) -> Any:
    """Say whether so many bytes are the same at two places."""
    k = 0
    while k + 8 <= size:
        if load64(left, i + k) != load64(right, j + k):
            return False
        k += 8
    while k < size:
        if left[i + k] != right[j + k]:
            return False
        k += 1
    return True


@compiled
def _find_documents(old: Any, new: Any, places: Any) -> Any:
    """Find where each new document stands among the old, in their order; gives whether all do."""
    place = 0
    for document in range(len(places)):
        start = new.offsets[document]
        size = new.offsets[document + 1] - start
        while place < len(old.offsets) - 1:
            i = old.offsets[place]
            if old.offsets[place + 1] - i == size and same_bytes(old.data, i, new.data, start, size):
                break
            place += 1
        if place == len(old.offsets) - 1:
            return False
        places[document] = place
        place += 1
    return True


@compiled
def _copy_tokens(tokens: Any, places: Any, taken: Any) -> None:
    for document in range(len(places)):
        shift = tokens.first[places[document]] - taken.first[document]
        for k in range(taken.first[document], taken.first[document + 1]):
            taken.hash[k], taken.kind[k] = tokens.hash[k + shift], tokens.kind[k + shift]
            taken.start[k], taken.width[k] = tokens.start[k + shift], tokens.width[k + shift]
            taken.length[k] = tokens.length[k + shift]
