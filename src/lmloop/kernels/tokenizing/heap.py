"""A heap of pairs of tokens, the most frequent one first, in arrays that compiled loops can change."""

from typing import Any, NamedTuple

import numpy as np

from lmloop.kernels.jit import inlined
from lmloop.kernels.text import Hashes, Integers


class Heap(NamedTuple):
    """Pairs that wait: a count and the pair's key."""

    counts: Integers
    keys: Hashes
    used: Integers


def empty_heap(room: int) -> Heap:
    """Make a heap with room for some pairs."""
    return Heap(np.zeros(room, np.int64), np.zeros(room, np.uint64), np.zeros(1, np.int64))


@inlined
def above(heap: Any, i: Any, j: Any) -> Any:
    """Say whether the entry ``i`` comes before ``j``: the higher count; of equal ones, the lower ids."""
    if heap.counts[i] != heap.counts[j]:
        return heap.counts[i] > heap.counts[j]
    return heap.keys[i] < heap.keys[j]


@inlined
def swap(heap: Any, i: Any, j: Any) -> None:
    """Exchange two entries."""
    heap.counts[i], heap.counts[j] = heap.counts[j], heap.counts[i]
    heap.keys[i], heap.keys[j] = heap.keys[j], heap.keys[i]


@inlined
def push(heap: Any, count: Any, key: Any) -> None:
    """Put a pair into the heap."""
    i = heap.used[0]
    heap.used[0] += 1
    heap.counts[i], heap.keys[i] = count, key
    while i > 0 and above(heap, i, (i - 1) // 2):
        swap(heap, i, (i - 1) // 2)
        i = (i - 1) // 2


@inlined
def pop(heap: Any) -> None:
    """Remove the first entry."""
    heap.used[0] -= 1
    size, i = heap.used[0], 0
    heap.counts[0], heap.keys[0] = heap.counts[size], heap.keys[size]
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and above(heap, child + 1, child):
            child += 1
        if not above(heap, child, i):
            break
        swap(heap, i, child)
        i = child
