"""Filling rows of a fixed length with texts that are not cut.

Best fit, the longest first (Johnson et al. 1974; for training text Ding et al. 2024, "Fewer truncations improve
language modeling", section 3): each text goes where the least room is left behind it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from lmloop.kernels.jit import compiled

Counts = npt.NDArray[np.int64]


def fill(lengths: Counts, room: int) -> list[Counts]:
    """Say which texts share a row: the places of ``lengths`` for each row; every one is in exactly one row.

    ``lengths`` are int64 [texts], at most ``room`` each. Rows come in the order in which they were begun.
    """
    order = np.argsort(-lengths, kind="stable")
    leaves = 1 << (room + 1).bit_length()
    there, first = np.zeros(2 * leaves, np.int64), np.full(leaves, -1, np.int64)
    before, row_of = np.full((2, len(lengths)), -1, np.int64)
    _best_fit(lengths[order], room, there, first, before, row_of)
    by_row = np.argsort(row_of, kind="stable")
    cuts = np.flatnonzero(np.diff(row_of[by_row])) + 1
    return [np.sort(order[places]) for places in np.split(by_row, cuts)] if len(lengths) else []


@compiled
def _best_fit(lengths: Any, room: int, there: Any, first: Any, before: Any, row_of: Any) -> None:
    """Give each text's row. A tree over the rooms that rows have left tells the smallest that is large enough.

    ``there`` counts, for each part of the scale of rooms, the rows with such a room; ``first`` is the last row that was
    left with a room, and ``before`` the one that was left with the same before it.
    """
    leaves = len(first)
    rows = 0
    for text in range(len(lengths)):
        length = lengths[text]
        node = _at_least(there, leaves, length)
        if node < 0:
            row, left = rows, room
            rows += 1
        else:
            left = node - leaves
            row = first[left]
            first[left] = before[row]
            _count(there, node, -1)
        row_of[text] = row
        left -= length
        if left > 0:
            before[row] = first[left]
            first[left] = row
            _count(there, leaves + left, 1)


@compiled
def _count(there: Any, node: int, change: int) -> None:
    while node >= 1:
        there[node] += change
        node //= 2


@compiled
def _at_least(there: Any, leaves: int, length: int) -> int:
    """Find the leaf of the smallest room that is at least so large; -1 if there is none."""
    node = leaves + length
    if there[node]:
        return node
    while node > 1:
        if node % 2 == 0 and there[node + 1]:
            node += 1
            while node < leaves:
                node = 2 * node if there[2 * node] else 2 * node + 1
            return node
        node //= 2
    return -1
