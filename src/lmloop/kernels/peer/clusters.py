"""Which of some near-duplicates stays, as datatrove chooses: the root of a union by size, in the order of its pairs.

datatrove takes its pairs band by band, in the order of the signatures, and joins the smaller cluster to the larger.
The order is part of the result, so it travels with each pair: band and minima as bytes that sort as they do.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from lmloop.kernels.groups import root
from lmloop.kernels.jit import compiled
from lmloop.kernels.minhash import Signatures


def orders(signatures: Signatures) -> pa.Array:
    """Give the order of each band of each document, bands of a document one behind the other."""
    documents, bands = signatures.keys.shape
    minima = signatures.minima.reshape(documents, bands, signatures.minima.shape[1] // bands)
    rows = np.empty((documents, bands, 1 + minima.shape[2]), ">u8")
    rows[:, :, 0] = np.arange(bands)
    rows[:, :, 1:] = minima
    width = 8 * rows.shape[2]
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), documents * bands, [None, pa.py_buffer(rows.tobytes())]
    )


def link_neighbours(keyed: pa.Table) -> pa.Table:
    """Link each row to the one before it with the same key: a table ``left``, ``right``, ``order``.

    ``keyed`` is ordered by ``key`` and ``row``, and has ``order``.
    """
    keys, rows = keyed.column("key").to_numpy(), keyed.column("row").to_numpy()
    linked = np.flatnonzero(keys[1:] == keys[:-1])
    order = keyed.column("order").take(pa.array(linked)).combine_chunks()
    return pa.table({"left": rows[linked], "right": rows[linked + 1], "order": order})


def group_by_size(found: Iterable[pa.Table]) -> pa.Table:
    """Turn links into groups: a table ``row``, ``kept``, ``size``, ordered by row; ``kept`` is the row that stays."""
    links = pa.concat_tables(found).sort_by([("order", "ascending"), ("left", "ascending")])
    left, right = links.column("left").to_numpy(), links.column("right").to_numpy()
    rows, dense = np.unique(np.concatenate([left, right]), return_inverse=True)
    parents, sizes = np.arange(len(rows), dtype=np.int64), np.ones(len(rows), np.int64)
    half = len(left)
    _join_by_size(parents, sizes, dense[:half].astype(np.int64), dense[half:].astype(np.int64))
    return pa.table({"row": rows, "kept": rows[parents], "size": sizes[parents].astype(np.int32)})


@compiled
def _join_by_size(parents: Any, sizes: Any, left: Any, right: Any) -> None:
    """Union by size; of two of the same size, the left one's root stays."""
    for edge in range(len(left)):
        a, b = left[edge], right[edge]
        a = root(parents, a)
        b = root(parents, b)
        if a == b:
            continue
        if sizes[a] < sizes[b]:
            a, b = b, a
        parents[b] = a
        sizes[a] += sizes[b]
    for i in range(len(parents)):
        while parents[parents[i]] != parents[i]:
            parents[i] = parents[parents[i]]
