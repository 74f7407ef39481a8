"""Keep the first of any documents with the same text."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lmloop.core.batch import Batch
from lmloop.core.op import Barrier, Verdict
from lmloop.kernels.duplicates import group, judge, link
from lmloop.kernels.hashing import hash128
from lmloop.kernels.normal import normal_form
from lmloop.kernels.text import text_buffer


class Exact(Barrier):
    """Keep the first of any documents with the same text, by a 128-bit hash.

    With ``loose``, texts are the same that differ only in case, accents, digits, punctuation and white space.
    """

    reasons: ClassVar[tuple[str, ...]] = ("duplicate",)

    loose: bool = False

    def map(self, batch: Batch, numbers: npt.NDArray[np.uint64]) -> pa.Table:
        """Key each row by the hash of its text."""
        buffer = text_buffer(batch.column("text"))
        hashes = hash128(normal_form(buffer) if self.loose else buffer)
        return pa.table({"key": hashes[:, 0], "check": hashes[:, 1], "row": numbers})

    def reduce(self, keyed: pa.Table) -> pa.Table:
        """Link the rows with one hash."""
        return link(keyed, ("key", "check"))

    def settle(self, found: pa.Table) -> pa.Table:
        """Find the first row of each group."""
        return group(found)

    def judge(self, batch: Batch, numbers: npt.NDArray[np.uint64], decisions: pa.Table) -> Verdict:
        """Drop every row that is not the first of its group."""
        codes, cluster = judge(numbers, decisions)
        return Verdict(codes, {"cluster": cluster})
