"""Groups of rows that belong together: which rows share a key, and what hangs together by such links."""

from typing import Any, NamedTuple

import numpy as np

from lmloop.kernels.jit import compiled
from lmloop.kernels.text import Hashes


class Edges(NamedTuple):
    """Links between rows, uint64 row numbers: ``left[i]`` belongs with ``right[i]``."""

    left: Hashes
    right: Hashes


class Groups(NamedTuple):
    """Which row stands for which, each uint64 [rows that have a link].

    ``rows`` ascends without repeats; ``representatives[i]`` is the smallest row in the group of ``rows[i]``.
    """

    rows: Hashes
    representatives: Hashes


def equal_keys(keys: Hashes, rows: Hashes) -> Edges:
    """Link every row to the smallest row with the same key.

    ``keys`` uint64 [n] or [n, parts] (a key of several numbers); ``rows`` uint64 [n].
    """
    parts = keys[:, None] if keys.ndim == 1 else keys
    # lexsort's last key is its first: order by key, and by row within a key.
    order = np.lexsort((rows, *parts.T[::-1]))
    ordered, rows = parts[order], rows[order]
    starts = np.ones(len(order), np.bool_)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    smallest = rows[starts][np.cumsum(starts) - 1]
    linked = smallest != rows
    return Edges(smallest[linked], rows[linked])


def connected_components(edges: Edges) -> Groups:
    """Find what hangs together; the order of the edges makes no difference to the result."""
    rows, dense = np.unique(np.concatenate([edges.left, edges.right]), return_inverse=True)
    parents = np.arange(len(rows), dtype=np.int64)
    half = len(edges.left)
    _join(parents, dense[:half].astype(np.int64), dense[half:].astype(np.int64))
    return Groups(rows, rows[parents])


@compiled
def _join(parents: Any, left: Any, right: Any) -> None:
    """Union-find; a root is always the smallest of its set, so parents only ever point downwards."""
    for edge in range(len(left)):
        a, b = left[edge], right[edge]
        while parents[a] != a:
            parents[a] = parents[parents[a]]
            a = parents[a]
        while parents[b] != b:
            parents[b] = parents[parents[b]]
            b = parents[b]
        if a < b:
            parents[b] = a
        else:
            parents[a] = b
    for i in range(len(parents)):  # a parent is smaller, so its own root is already known
        parents[i] = parents[parents[i]]
