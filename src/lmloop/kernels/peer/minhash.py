"""MinHash signatures that are datatrove's, hash for hash: its normal form, words, shingles and functions.

A shingle is n of spaCy's English tokens of the normal form, joined by one space each, and its hash is xxHash64. A
document of fewer than n tokens has no shingle and is never a near-duplicate.
"""

from typing import Any, NamedTuple

import numpy as np

from lmloop.kernels.bits import load64, store64
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
SPACES = (b" ", b"\n")


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
    """Give the column with capital sigmas in lower case: what each becomes hangs on the letters beside it.

    No further, at least, than to the next space; what stands between is in lower case then, too.
    """
    begin, end = int(buffer.offsets[0]), int(buffer.offsets[-1])
    whole, bounds = buffer.data[begin:end], buffer.offsets - begin
    heads = np.flatnonzero(whole[:-1] == SIGMA[0])
    places = heads[whole[heads + 1] == SIGMA[1]].tolist()
    if not places:
        return buffer
    data, sizes, parts, done = whole.tobytes(), np.diff(bounds), [], 0
    for place in places:
        if place < done:
            continue
        document = int(np.searchsorted(bounds, place, "right")) - 1
        first, last = bounds[document : document + 2].tolist()
        first = max(first, *(data.rfind(space, first, place) + 1 for space in SPACES))
        last = min((found for space in SPACES if (found := data.find(space, place, last)) >= 0), default=last)
        lower = data[first:last].decode("utf-8", "replace").lower().encode()
        parts += [data[done:first], lower]
        sizes[document] += len(lower) - (last - first)
        done = last
    joined = np.frombuffer(b"".join([*parts, data[done:]]), np.uint8)
    return TextBuffer(read_only(joined), np.concatenate([np.zeros(1, np.int64), sizes.cumsum()]))


def _workspace(buffer: TextBuffer) -> Workspace:
    room = GROWTH * (int(np.diff(buffer.offsets).max(initial=0)) + 1)
    text, words = np.empty(room + 8, np.uint8), np.empty(2 * room + 8, np.uint8)
    tokens = empty_tokens(room, np.zeros(2, np.int64))
    ends, shingles = np.empty(room + 1, np.int64), np.empty(room, np.uint64)
    return Workspace(text, read_only(text), tokens, words, read_only(words), ends, shingles)


@inlined
def join_words(space: Any, count: Any) -> None:
    """Write the tokens with a space between them, eight bytes at a time: behind both texts is room for as many."""
    place = np.int64(0)
    for k in range(count):
        if k > 0:
            space.words[place] = 32
            place += 1
        first = space.tokens.start[k]
        for i in range(0, space.tokens.width[k], 8):
            store64(space.words, place + i, load64(space.normal, first + i))
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
