"""MinHash signatures that are datatrove's, hash for hash: its normal form, words, shingles and functions.

A shingle is n of spaCy's English tokens of the normal form, joined by one space each, and its hash is xxHash64. A
document of fewer than n tokens has no shingle and is never a near-duplicate.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from lmloop.kernels.hashing import xxh64_range
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.minhash import Signatures, empty_signatures, permutations, take_keys, take_minima
from lmloop.kernels.normal import normalise
from lmloop.kernels.peer.tables import peer_rules, tables
from lmloop.kernels.peer.words import peer_document
from lmloop.kernels.text import Bytes, Hashes, Integers, TextBuffer, read_only
from lmloop.kernels.words import Tokens, empty_tokens

GROWTH = 3  # most bytes that one byte of text can become in datatrove's normal form
SIGMA = "Σ".encode()


class Workspace(NamedTuple):
    """Room for one document, used again for each: normal form, tokens, tokens joined by spaces, shingles.

    ``normal`` reads ``text`` and ``joined`` reads ``words``; ``ends`` is where each token ends there.
    """

    text: Bytes
    normal: Bytes
    tokens: Tokens
    words: Bytes
    joined: Bytes
    ends: Integers
    shingles: Hashes


def peer_minhash(buffer: TextBuffer, bands: int = 14, rows: int = 8, n: int = 5, seed: int = 1) -> Signatures:
    """Take the signature of each document; where ``short``, it has no shingle and the keys mean nothing."""
    buffer = lower_sigmas(buffer)
    signatures = empty_signatures(len(buffer.offsets) - 1, bands, rows)
    functions = permutations(bands * rows, seed)
    _peer_minhash(buffer, (tables(), peer_rules()), functions, _workspace(buffer), n, signatures)
    return signatures


def lower_sigmas(buffer: TextBuffer) -> TextBuffer:
    """Give the column with documents that hold a capital sigma in lower case: what it becomes hangs on its place."""
    begin, end = int(buffer.offsets[0]), int(buffer.offsets[-1])
    data = buffer.data[begin:end].tobytes()
    if SIGMA not in data:
        return buffer
    bounds = (buffer.offsets - begin).tolist()
    texts = [data[a:b] for a, b in pairwise(bounds)]
    texts = [text.decode("utf-8", "replace").lower().encode() if SIGMA in text else text for text in texts]
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    return TextBuffer(read_only(np.frombuffer(b"".join(texts), np.uint8)), offsets)


def _workspace(buffer: TextBuffer) -> Workspace:
    room = GROWTH * (int(np.diff(buffer.offsets).max(initial=0)) + 1)
    text, words = np.empty(room, np.uint8), np.empty(2 * room, np.uint8)
    tokens = empty_tokens(room, np.zeros(2, np.int64))
    ends, shingles = np.empty(room + 1, np.int64), np.empty(room, np.uint64)
    return Workspace(text, read_only(text), tokens, words, read_only(words), ends, shingles)


@inlined
def join_words(space: Any, count: Any) -> None:
    """Write the tokens with a space between them."""
    place = np.int64(0)
    for k in range(count):
        if k > 0:
            space.words[place] = 32
            place += 1
        first = space.tokens.start[k]
        for i in range(space.tokens.width[k]):
            space.words[place + i] = space.normal[first + i]
        place += space.tokens.width[k]
        space.ends[k] = place


@compiled
def _peer_minhash(buffer: Any, reading: Any, functions: Any, space: Any, n: Any, signatures: Any) -> None:
    tables, rules = reading
    zero = np.int64(0)  # typed: numba would compile once more for the literal
    for document in range(len(signatures.units)):
        start, end = buffer.offsets[document], buffer.offsets[document + 1]
        size = normalise(buffer.data, start, end, rules, space.text, zero)
        count = peer_document(space.normal, zero, size, tables, space.tokens, zero)
        join_words(space, count)
        shingles = max(count - n + 1, 0)
        for k in range(shingles):
            first = space.ends[k] - space.tokens.width[k]
            space.shingles[k] = xxh64_range(space.joined, first, space.ends[k + n - 1], np.uint64(0))
        take_minima(space.shingles[:shingles], functions.a, functions.b, signatures.minima[document])
        signatures.units[document] = count
        signatures.short[document] = count < n
        take_keys(signatures.minima[document], signatures.keys[document])
