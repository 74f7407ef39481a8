"""Groups of rows that belong together: which rows share a key, and what hangs together by such links.

Rows are found by numbers with wide gaps (a shard's number and a place in it). Union-find works on places without gaps:
only pages of 1024 numbers with a linked row on them count, 9 bytes a row (21 where rows have ranks).
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Hashes

PAGE_BITS = np.uint64(10)
IN_PAGE = np.uint64((1 << 10) - 1)
SLICE = 1 << 20
"""So many links, or rows, are worked on at a time."""


class Edges(NamedTuple):
    """Links between rows, uint64 row numbers: ``left[i]`` belongs with ``right[i]``.

    ``left_rank`` and ``right_rank`` (uint64, or both None) say which row of a group stays: the one of the least rank.
    """

    left: Hashes
    right: Hashes
    left_rank: Hashes | None = None
    right_rank: Hashes | None = None


class Groups(NamedTuple):
    """Which row stands for which: ``rows`` (uint64, ascending), the row ``kept`` of each one's group, and its ``size``.

    The row that is kept has the least rank of its group and, among such, the smallest number. int32 sizes.
    """

    rows: Hashes
    kept: Hashes
    size: npt.NDArray[np.int32]


def equal_keys(keys: Hashes, rows: Hashes, ranks: Hashes | None = None) -> Edges:
    """Link every row to the smallest row with the same key.

    ``keys`` uint64 [n] or [n, parts] (a key of several numbers); ``rows`` uint64 [n]; ``ranks`` uint64 [n] or None.
    """
    parts = keys[:, None] if keys.ndim == 1 else keys
    if not _in_order(parts, rows):
        # lexsort's last key is its first: order by key, and by row within a key.
        order = np.lexsort((rows, *parts.T[::-1]))
        parts, rows, ranks = parts[order], rows[order], None if ranks is None else ranks[order]
    again = np.flatnonzero((parts[1:] == parts[:-1]).all(axis=1)) + 1
    first = np.arange(len(rows))
    first[again] = 0
    first = np.maximum.accumulate(first)[again]
    linked = rows[first] != rows[again]
    first, again = first[linked], again[linked]
    if ranks is None:
        return Edges(rows[first], rows[again])
    return Edges(rows[first], rows[again], ranks[first], ranks[again])


def connected_components(links: Iterable[Edges]) -> Iterator[Groups]:
    """Find what hangs together, in one pass or several over the links; their order makes no difference.

    Gives every row that has a link, in the order of their numbers.
    """
    pages = _pages(links)
    room = len(pages) << int(PAGE_BITS)
    parents = np.arange(room, dtype=np.int32 if room < 2**31 else np.int64)
    member = np.zeros(room, np.bool_)
    ranks: Hashes | None = None
    for edges in _slices(links):
        left, right = (_places(pages, rows) for rows in edges[:2])
        if edges.left_rank is not None and edges.right_rank is not None:
            ranks = np.zeros(room, np.uint64) if ranks is None else ranks
            ranks[left], ranks[right] = edges.left_rank, edges.right_rank
        _join(parents, member, left, right)
    sizes = np.zeros(room, np.int32)
    _flatten(parents, member, sizes)
    best = parents
    if ranks is not None:
        best = np.full(room, -1, parents.dtype)
        _choose(parents, member, ranks, best)
    for start in range(0, max(room, 1), SLICE):
        places = np.flatnonzero(member[start : start + SLICE]) + start
        root = parents[places]
        kept = best[root] if ranks is not None else root
        yield Groups(_numbers(pages, places), _numbers(pages, kept), sizes[root])


def _in_order(parts: Hashes, rows: Hashes) -> bool:
    """Say whether rows are ordered by key and row already, as they come from an exchange."""
    key = parts[:, 0]
    rising = key[1:] > key[:-1]
    same = (parts[1:] == parts[:-1]).all(axis=1) & (rows[1:] >= rows[:-1])
    return bool((rising | same).all())


def _pages(links: Iterable[Edges]) -> Hashes:
    pages = np.empty(0, np.uint64)
    for edges in _slices(links):
        some = (np.unique(rows >> PAGE_BITS) for rows in edges[:2])
        pages = np.unique(np.concatenate([pages, *some]))
    return pages


def _slices(links: Iterable[Edges]) -> Iterator[Edges]:
    for edges in links:
        for start in range(0, len(edges.left), SLICE):
            part = slice(start, start + SLICE)
            left, right = edges.left_rank, edges.right_rank
            if left is None or right is None:
                yield Edges(edges.left[part], edges.right[part])
            else:
                yield Edges(edges.left[part], edges.right[part], left[part], right[part])


def _places(pages: Hashes, rows: Hashes) -> npt.NDArray[np.int64]:
    page = np.searchsorted(pages, rows >> PAGE_BITS)
    return np.asarray((page << int(PAGE_BITS)) + (rows & IN_PAGE).astype(np.int64))


def _numbers(pages: Hashes, places: npt.NDArray[Any]) -> Hashes:
    wide = places.astype(np.uint64)
    return np.asarray((pages[wide >> PAGE_BITS] << PAGE_BITS) + (wide & IN_PAGE))


@inlined
def root(parents: Any, row: Any) -> Any:
    """Give the root of the set that a row is in, and halve the way there."""
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


@compiled
def _join(parents: Any, member: Any, left: Any, right: Any) -> None:
    """Union-find; a root is always the smallest of its set, so parents only ever point downwards."""
    for edge in range(len(left)):
        a, b = left[edge], right[edge]
        member[a] = member[b] = True
        a = root(parents, a)
        b = root(parents, b)
        if a < b:
            parents[b] = a
        else:
            parents[a] = b


@compiled
def _flatten(parents: Any, member: Any, sizes: Any) -> None:
    for i in range(len(parents)):  # a parent is smaller, so its own root is already known
        parents[i] = parents[parents[i]]
        if member[i]:
            sizes[parents[i]] += 1


@compiled
def _choose(parents: Any, member: Any, ranks: Any, best: Any) -> None:
    for i in range(len(parents)):
        if not member[i]:
            continue
        root = parents[i]
        if best[root] < 0 or ranks[i] < ranks[best[root]]:
            best[root] = i
