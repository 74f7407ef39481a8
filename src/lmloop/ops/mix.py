"""Sources in given proportions: as much of each as the scarcest allows."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from lmloop.core.batch import Batch, meta_values
from lmloop.core.op import Barrier, Numbers, Verdict
from lmloop.kernels.hashing import xxh64
from lmloop.kernels.spans import by_row, merged
from lmloop.kernels.text import text_buffer


class Mix(Barrier):
    """Keep documents so that each source has its share of the text, and as much is kept as the scarcest source allows.

    A document's source is the value of ``by`` in its meta; ``weights`` says how many parts of the text (in bytes) each
    is to be, and a source without a weight goes. Which documents of a source stay is drawn by a hash of their ids and
    ``seed``. Nothing is repeated: to see a small source more often is a matter of training.

    Source: the proportions of a corpus as in Brown et al. 2020, "Language Models are Few-Shot Learners", table 2.2.
    """

    reasons: ClassVar[tuple[str, ...]] = ("not-drawn", "no-weight")

    weights: dict[str, float] = Field(min_length=1)
    by: str = "kind"
    seed: int = Field(0, ge=0)

    @classmethod
    def example(cls) -> Self:
        """Give one over two of the battery's files."""
        return cls(weights={"file-0.txt": 2, "file-1.txt": 1, "file-9.txt": 1}, by="source")

    def map(self, batch: Batch, numbers: Numbers) -> pa.Table:
        """Say of each row how large it is, which source it is of, and where in the draw it stands."""
        values = [str(value) for value in meta_values(batch, self.by)]
        names = sorted(self.weights)
        source = pc.fill_null(pc.index_in(pa.array(values, pa.string()), pa.array(names)), -1)
        size = pc.fill_null(pc.binary_length(batch.column("text")), 0)
        draw = xxh64(text_buffer(batch.column("id")), self.seed)
        return pa.table({"key": draw, "row": numbers, "source": source, "size": size.cast(pa.int64())})

    def reduce(self, keyed: pa.Table) -> pa.Table:
        """Hand everything on: proportions are a matter of the whole."""
        return by_row({name: keyed.column(name).to_numpy() for name in keyed.column_names})

    def settle(self, found: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Take from each source, in the order of the draw, until it has its share."""
        parts = np.array([self.weights[name] for name in sorted(self.weights)], np.float64)
        has = np.zeros(len(parts), np.float64)
        for table in found:
            source, size = _columns(table, "source", "size")
            has += np.bincount(source[source >= 0], size[source >= 0], len(parts))
        scale = min(has[parts > 0] / parts[parts > 0], default=0.0)
        end_key, end_row = _ends(found, scale * parts)
        for table in merged(found):
            source, key, row = _columns(table, "source", "key", "row")
            drawn = (key < end_key[source]) | ((key == end_key[source]) & (row < end_row[source]))
            yield pa.table({"row": row, "code": np.where(source < 0, 2, np.where(drawn, 0, 1)).astype(np.uint8)})

    def judge(self, batch: Batch, numbers: Numbers, decisions: pa.Table) -> Verdict:
        """Do as was decided."""
        return Verdict(decisions.column("code").to_numpy())


def _ends(found: Iterable[pa.Table], shares: npt.NDArray[np.float64]) -> tuple[Numbers, Numbers]:
    """Find where the draw of each source ends, as the key and the row of the first document that has no room left."""
    end_key, end_row = (np.full(len(shares), np.iinfo(np.uint64).max) for _ in range(2))
    taken, ended = np.zeros(len(shares), np.int64), np.zeros(len(shares), np.bool_)
    for table in found:  # one part of the key space after another, from the lowest keys on
        order = np.lexsort(_columns(table, "row", "key"))
        source, size, key, row = (column[order] for column in _columns(table, "source", "size", "key", "row"))
        for k, share in enumerate(shares):
            own = np.flatnonzero(source == k)
            before = taken[k] + np.cumsum(size[own]) - size[own]
            full = own[before >= share]
            if len(full) and not ended[k]:
                end_key[k], end_row[k], ended[k] = key[full[0]], row[full[0]], True
            taken[k] += size[own].sum()
    return end_key, end_row


def _columns(table: pa.Table, *names: str) -> tuple[npt.NDArray[Any], ...]:
    return tuple(table.column(name).to_numpy() for name in names)
