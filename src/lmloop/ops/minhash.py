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
from lmloop.kernels.peer.clusters import group_by_size, link_neighbours, orders
from lmloop.kernels.peer.minhash import peer_minhash
from lmloop.kernels.segmentation import Words
from lmloop.kernels.text import text_buffer


class Minhash(Barrier):
    """Keep the first of any documents that are nearly the same, by MinHash signatures in bands.

    Two documents are taken as near-duplicates where all ``rows`` minima of one of their ``bands`` are equal,
    over shingles of ``n`` words (or CJK characters); groups are what hangs together by such pairs. With 14
    bands of 8 rows, about 3 in 4 pairs of Jaccard similarity 0.75 are found, and 1 in 20 of similarity 0.5.
    ``seed`` draws the permutations. Case, accents, digits, punctuation and white space make no difference.

    ``words = "spacy-en"`` keeps the very rows that datatrove keeps of the same rows in the same order: its normal form,
    spaCy's English tokens, its hashes, and its choice of the row that stays, which need not be the first.

    Source: Broder 1997, "On the resemblance and containment of documents"; sizes of FineWeb (Penedo et al.
    2024, section 3.4).
    """

    reasons: ClassVar[tuple[str, ...]] = ("near-duplicate",)
    spill_bytes: ClassVar[int] = 14 * 16

    bands: PositiveInt = 14
    rows: PositiveInt = 8
    n: PositiveInt = 5
    seed: int = 1
    words: Words = "unicode"

    def map(self, batch: Batch, numbers: npt.NDArray[np.uint64]) -> pa.Table:
        """Key each row by each of its bands; a row without a single shingle has no key."""
        sign = minhash if self.words == "unicode" else peer_minhash
        signatures = sign(text_buffer(batch.column("text")), self.bands, self.rows, self.n, self.seed)
        some = signatures.units > 0 if self.words == "unicode" else ~signatures.short
        keyed = pa.table({"key": signatures.keys[some].ravel(), "row": np.repeat(numbers[some], self.bands)})
        if self.words == "unicode":
            return keyed
        return keyed.append_column("order", orders(signatures).filter(pa.array(np.repeat(some, self.bands))))

    def reduce(self, keyed: pa.Table) -> pa.Table:
        """Link the rows that share a band."""
        return link(keyed) if self.words == "unicode" else link_neighbours(keyed)

    def settle(self, found: pa.Table) -> pa.Table:
        """Find the row of each group that stays."""
        return group(found) if self.words == "unicode" else group_by_size(found)

    def judge(self, batch: Batch, numbers: npt.NDArray[np.uint64], decisions: pa.Table) -> Verdict:
        """Drop every row of a group but the one that stays."""
        codes, cluster = judge(numbers, decisions)
        return Verdict(codes, {"cluster": cluster})
