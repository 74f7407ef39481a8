"""Windows of pieces that come more than once in a corpus: their keys, the copies, and the pieces those cover."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lmloop.kernels.pieces import Pieces
from lmloop.kernels.text import Hashes, Integers

ODD = np.uint64(0x9E3779B97F4A7C15)


def window_keys(
    hashes: Hashes, lengths: Integers, pieces: Pieces, n: int, shortest: int
) -> tuple[Hashes, Integers, Integers]:
    """Key every window of ``n`` pieces of one document that has at least ``shortest`` code points.

    Gives the keys uint64 [windows, 2], each window's document, and the place of its first piece there.
    """
    count = len(lengths) - n + 1
    if count <= 0:
        nothing = np.empty(0, np.int64)
        return np.empty((0, 2), np.uint64), nothing, nothing
    keys, size = np.zeros((count, 2), np.uint64), np.zeros(count, np.int64)
    for k in range(n):
        keys = (keys ^ hashes[k : k + count]) * ODD
        keys ^= keys >> np.uint64(29)
        size += lengths[k : k + count]
    document = np.repeat(np.arange(len(pieces.first) - 1), np.diff(pieces.first))
    whole = (document[:count] == document[n - 1 :]) & (size >= shortest)
    documents = document[:count][whole]
    return keys[whole], documents, np.flatnonzero(whole) - pieces.first[documents]


def copies(keyed: pa.Table, least: int) -> pa.Table:
    """Find the windows that have stood before and come at least ``least`` times: a table ``row``, ``place``."""
    names = ("key", "check", "row", "place")
    key, check, row, place = (keyed.column(name).to_numpy() for name in names)
    order = np.lexsort((place, row, check, key))
    key, check, row, place = key[order], check[order], row[order], place[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (key[1:] != key[:-1]) | (check[1:] != check[:-1])
    group = np.cumsum(fresh) - 1
    many = np.bincount(group, minlength=1)[group] >= least if len(group) else fresh
    again = ~fresh & many
    return pa.table({"row": row[again], "place": place[again]})


def ordered(found: pa.Table) -> pa.Table:
    """Order findings by row and place."""
    return found.sort_by([("row", "ascending"), ("place", "ascending")])


def covered(pieces: Pieces, numbers: Hashes, found: pa.Table, n: int) -> npt.NDArray[np.bool_]:
    """Say which pieces lie in a window that was found, of rows ``numbers`` (ascending): bool [pieces]."""
    document = np.searchsorted(numbers, found.column("row").to_numpy())
    start = pieces.first[document] + found.column("place").to_numpy().astype(np.int64)
    marks = np.zeros(len(pieces.start), np.bool_)
    for k in range(n):
        marks[start + k] = True
    return marks
