"""Hashes of byte ranges: our own fast one, xxHash64, and the two together as a content hash.

All read little-endian words, as every machine that this package is tested on does.
"""

from typing import Any

import numpy as np

from lmloop.kernels.bits import fold, load32, load64
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Hashes, TextBuffer

u64 = np.uint64

# Odd numbers with evenly spread bits: the fractions of the golden ratio, and of square roots of primes.
GOLDEN, ROOT_2, ROOT_3 = u64(0x9E3779B97F4A7C15), u64(0x6A09E667F3BCC909), u64(0xBB67AE8584CAA73B)

# The five primes of xxHash64 (Collet, "xxHash fast digest algorithm", section "XXH64 algorithm").
PRIME_1, PRIME_2 = u64(0x9E3779B185EBCA87), u64(0xC2B2AE3D27D4EB4F)
PRIME_3, PRIME_4 = u64(0x165667B19E3779F9), u64(0x85EBCA77C2B2AE63)
PRIME_5 = u64(0x27D4EB2F165667C5)


def hash64(buffer: TextBuffer) -> Hashes:
    """Hash each document with :func:`hash_range`: uint64 [documents]."""
    hashes = np.empty(len(buffer.offsets) - 1, np.uint64)
    _hash64(buffer, hashes)
    return hashes


def xxh64(buffer: TextBuffer, seed: int = 0) -> Hashes:
    """Hash each document with xxHash64, bit for bit as the ``xxhash`` package: uint64 [documents]."""
    hashes = np.empty(len(buffer.offsets) - 1, np.uint64)
    _xxh64(buffer, u64(seed), hashes)
    return hashes


def hash128(buffer: TextBuffer) -> Hashes:
    """Hash each document's content to 128 bits, two unrelated 64-bit hashes: uint64 [documents, 2].

    In 10 billion documents the chance that two different ones share a hash is about 10^-19.
    """
    return np.stack([xxh64(buffer), hash64(buffer)], axis=1)


def spread(numbers: Hashes) -> Hashes:
    """Spread numbers over all 64 bits, no two to the same: uint64 [n].

    Source: the last step of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
    """
    state = numbers ^ (numbers >> u64(30))
    state = state * u64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> u64(27))) * u64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> u64(31)))


@inlined
def hash_range(data: Any, start: Any, end: Any) -> Any:
    """Hash ``data[start:end]`` to a uint64: a folded multiplication for each 8 bytes."""
    size = end - start
    state = u64(size) * ROOT_2 ^ GOLDEN
    if size > 8:
        i = start
        while i + 8 < end:
            state = fold(state ^ load64(data, i), ROOT_3)
            i += 8
        tail = load64(data, end - 8)  # overlaps what was read: no bytes one by one
    elif end >= 8:
        # The load reaches back before the range, where bytes certainly are, and shifts them out.
        tail = load64(data, end - 8) >> u64(64 - 8 * size) if size > 0 else u64(0)
    else:
        tail = u64(0)
        for i in range(start, end):
            tail |= u64(data[i]) << u64(8 * (i - start))
    return fold(state ^ tail, GOLDEN)


@inlined
def rotate(word: Any, bits: Any) -> Any:
    """Rotate a uint64 to the left; ``bits`` is a uint64 too."""
    return (word << bits) | (word >> (u64(64) - bits))


@inlined
def xxh64_round(lane: Any, word: Any) -> Any:
    """Take one word into a lane of xxHash64."""
    return rotate(lane + word * PRIME_2, u64(31)) * PRIME_1


@inlined
def xxh64_range(data: Any, start: Any, end: Any, seed: Any) -> Any:
    """Hash ``data[start:end]`` with xxHash64."""
    i = start
    if end - start >= 32:
        a, b, c, d = seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1
        while i + 32 <= end:
            a, b = xxh64_round(a, load64(data, i)), xxh64_round(b, load64(data, i + 8))
            c, d = xxh64_round(c, load64(data, i + 16)), xxh64_round(d, load64(data, i + 24))
            i += 32
        state = rotate(a, u64(1)) + rotate(b, u64(7)) + rotate(c, u64(12)) + rotate(d, u64(18))
        for lane in (a, b, c, d):
            state = (state ^ xxh64_round(u64(0), lane)) * PRIME_1 + PRIME_4
    else:
        state = seed + PRIME_5
    state += u64(end - start)
    while i + 8 <= end:
        state = rotate(state ^ xxh64_round(u64(0), load64(data, i)), u64(27)) * PRIME_1 + PRIME_4
        i += 8
    if i + 4 <= end:
        state = rotate(state ^ (load32(data, i) * PRIME_1), u64(23)) * PRIME_2 + PRIME_3
        i += 4
    while i < end:
        state = rotate(state ^ (u64(data[i]) * PRIME_5), u64(11)) * PRIME_1
        i += 1
    state = (state ^ (state >> u64(33))) * PRIME_2
    state = (state ^ (state >> u64(29))) * PRIME_3
    return state ^ (state >> u64(32))


@compiled
def _hash64(buffer: Any, hashes: Any) -> None:
    for document in range(len(hashes)):
        hashes[document] = hash_range(buffer.data, buffer.offsets[document], buffer.offsets[document + 1])


@compiled
def _xxh64(buffer: Any, seed: Any, hashes: Any) -> None:
    for document in range(len(hashes)):
        hashes[document] = xxh64_range(buffer.data, buffer.offsets[document], buffer.offsets[document + 1], seed)
