"""Keep the first of any documents that are nearly the same."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import PositiveInt

from lmloop.core.batch import Batch
from lmloop.core.op import Barrier, Verdict
from lmloop.kernels.duplicates import group, judge, link
from lmloop.kernels.minhash import minhash
from lmloop.kernels.text import text_buffer


class Minhash(Barrier):
    """Keep the first of any documents that are nearly the same, by MinHash signatures in bands.

    Two documents are taken as near-duplicates where all ``rows`` minima of one of their ``bands`` are equal,
    over shingles of ``n`` words (or CJK characters); groups are what hangs together by such pairs. With 14
    bands of 8 rows, about 3 in 4 pairs of Jaccard similarity 0.75 are found, and 1 in 20 of similarity 0.5.
    ``seed`` draws the permutations. Case, accents, digits, punctuation and white space make no difference.

    Source: Broder 1997, "On the resemblance and containment of documents"; sizes of FineWeb (Penedo et al.
    2024, section 3.4).
    """

    reasons: ClassVar[tuple[str, ...]] = ("near-duplicate",)
    spill_bytes: ClassVar[int] = 14 * 16

    bands: PositiveInt = 14
    rows: PositiveInt = 8
    n: PositiveInt = 5
    seed: int = 1

    def map(self, batch: Batch, numbers: npt.NDArray[np.uint64]) -> pa.Table:
        """Key each row by each of its bands; a row without a single word has no key."""
        signatures = minhash(text_buffer(batch.column("text")), self.bands, self.rows, self.n, self.seed)
        some = signatures.units > 0
        return pa.table({"key": signatures.keys[some].ravel(), "row": np.repeat(numbers[some], self.bands)})

    def reduce(self, keyed: pa.Table) -> pa.Table:
        """Link the rows that share a band."""
        return link(keyed)

    def settle(self, found: pa.Table) -> pa.Table:
        """Find the first row of each group."""
        return group(found)

    def judge(self, batch: Batch, numbers: npt.NDArray[np.uint64], decisions: pa.Table) -> Verdict:
        """Drop every row that is not the first of its group."""
        codes, cluster = judge(numbers, decisions)
        return Verdict(codes, {"cluster": cluster})
