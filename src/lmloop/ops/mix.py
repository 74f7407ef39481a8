"""Sources in given proportions: as much of each as the scarcest allows."""

from collections.abc import Iterable
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from lmloop.core.batch import Batch, meta_values
from lmloop.core.op import KEY_ORDER, Barrier, Verdict
from lmloop.kernels.hashing import xxh64
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

    def map(self, batch: Batch, numbers: npt.NDArray[np.uint64]) -> pa.Table:
        """Say of each row how large it is, which source it is of, and where in the draw it stands."""
        values = [str(value) for value in meta_values(batch, self.by)]
        names = sorted(self.weights)
        source = pc.fill_null(pc.index_in(pa.array(values, pa.string()), pa.array(names)), -1)
        size = pc.fill_null(pc.binary_length(batch.column("text")), 0)
        draw = xxh64(text_buffer(batch.column("id")), self.seed)
        return pa.table({"key": draw, "row": numbers, "source": source, "size": size.cast(pa.int64())})

    def reduce(self, keyed: pa.Table) -> pa.Table:
        """Hand everything on: proportions are a matter of the whole."""
        return keyed

    def settle(self, found: Iterable[pa.Table]) -> Iterable[pa.Table]:
        """Take from each source, in the order of the draw, until it has its share."""
        whole = pa.concat_tables(found).sort_by(KEY_ORDER)
        source, size = whole.column("source").to_numpy(), whole.column("size").to_numpy()
        code = np.full(len(source), 2, np.uint8)
        members = {k: np.flatnonzero(source == k) for k in range(len(self.weights))}
        parts = np.array([self.weights[name] for name in sorted(self.weights)], np.float64)
        has = np.array([size[rows].sum() for rows in members.values()], np.float64)
        scale = min((has[k] / parts[k] for k in members if parts[k] > 0), default=0.0)
        for k, rows in members.items():
            before = np.cumsum(size[rows]) - size[rows]
            code[rows] = before >= scale * parts[k]
        rows = whole.column("row").to_numpy()
        order = np.argsort(rows)
        return [pa.table({"row": rows[order], "code": code[order]})]

    def judge(self, batch: Batch, numbers: npt.NDArray[np.uint64], decisions: pa.Table) -> Verdict:
        """Do as was decided."""
        return Verdict(decisions.column("code").to_numpy().astype(np.uint8))
