"""The tokens and the lines of a batch, cut once for all ops that look at them.

Ops of a chain see the same rows one after the other, fewer each time. What was cut last is kept (one column a thread
and way of cutting), and taken for those documents that are still there, byte for byte.
"""

import threading
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from lmloop.kernels.bits import load64
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.lines import Lines, cut_lines, empty_lines
from lmloop.kernels.peer.words import peer_segment
from lmloop.kernels.text import Integers, TextBuffer
from lmloop.kernels.words import Tokens, empty_tokens, segment

Words: TypeAlias = Literal["unicode", "spacy-en"]
"""How words are counted: by our own segmentation, or as datatrove does with spaCy's English tokens."""

MOST_KEPT = 64 << 20  # bytes of text: a larger column is not kept

_LAST = threading.local()

Cut = TypeVar("Cut", Tokens, Lines)


def tokens_of(buffer: TextBuffer, words: Words = "unicode") -> Tokens:
    """Cut each document into tokens, or give those that were cut before."""
    return _kept(buffer, words, segment if words == "unicode" else peer_segment, _take_tokens)


def lines_of(buffer: TextBuffer) -> Lines:
    """Cut each document into lines, or give those that were cut before."""
    return _kept(buffer, "lines", cut_lines, _take_lines)


def _kept(buffer: TextBuffer, name: str, cut: Callable[[TextBuffer], Cut], take: Callable[[Cut, Integers], Cut]) -> Cut:
    kept: dict[str, tuple[TextBuffer, Cut]] = _LAST.__dict__
    if name in kept:
        old, pieces = kept[name]
        places = np.empty(len(buffer.offsets) - 1, np.int64)
        if _find_documents(old, buffer, places):
            return pieces if len(places) == len(old.offsets) - 1 else take(pieces, places)
        del kept[name]
    pieces = cut(buffer)
    if buffer.offsets[-1] - buffer.offsets[0] <= MOST_KEPT:
        kept[name] = (buffer, pieces)
    return pieces


def _take_tokens(tokens: Tokens, places: Integers) -> Tokens:
    taken = empty_tokens(*_room(tokens.first, places))
    _copy_tokens(tokens, places, taken)
    return taken


def _take_lines(lines: Lines, places: Integers) -> Lines:
    taken = empty_lines(*_room(lines.first, places))
    _copy_lines(lines, places, taken)
    return taken


def _room(first: Integers, places: Integers) -> tuple[int, Integers]:
    """Count the pieces of some documents: all, and those before each."""
    counts = first[places + 1] - first[places]
    return int(counts.sum()), np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


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


@compiled
def _copy_lines(lines: Any, places: Any, taken: Any) -> None:
    for document in range(len(places)):
        shift = lines.first[places[document]] - taken.first[document]
        for k in range(taken.first[document], taken.first[document + 1]):
            taken.hash[k] = lines.hash[k + shift]
            taken.start[k], taken.end[k] = lines.start[k + shift], lines.end[k + shift]
