"""Keep one of any documents that are nearly the same."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt

from lmloop.core.batch import Batch
from lmloop.core.op import DoubleBarrier, Numbers
from lmloop.kernels.copies import Copies, band_keys, edge_table, grouped, ranks
from lmloop.kernels.groups import Edges
from lmloop.kernels.hashing import spread
from lmloop.kernels.minhash import Signatures, minhash
from lmloop.kernels.peer.clusters import group_by_size, link_neighbours, orders
from lmloop.kernels.peer.minhash import peer_minhash
from lmloop.kernels.segmentation import Words
from lmloop.kernels.shingles import Shingles, Unit, alike, set_signatures, shingle_sets
from lmloop.kernels.text import Integers, text_buffer


class Minhash(Copies, DoubleBarrier):
    """Keep one of any documents that are nearly the same, by MinHash signatures in bands.

    Two documents are taken as near-duplicates where all ``rows`` minima of one of their ``bands`` are equal, over
    shingles of ``n`` units; groups are what hangs together by such pairs. With 14 bands of 8 rows, about 3 in 4 pairs
    of Jaccard similarity 0.75 are found, and 1 in 20 of similarity 0.5. With ``verify``, the shingles of such pairs
    are compared themselves, and only those of at least this Jaccard similarity count. ``seed`` draws the permutations.

    A ``unit`` is a "word" (or a CJK character; case, accents, digits, punctuation and white space make no difference),
    what lies between white space ("space", in lower case), or a "character" of the text as it is. With
    ``words = "spacy-en"`` a word is what it is to datatrove, and the very rows are kept that datatrove keeps of the
    same rows in the same order: its normal form, spaCy's English tokens, its hashes, and, where nothing else is asked
    for by ``keep`` or ``verify``, its choice of the row that stays, which need not be the first.

    Source: Broder 1997, "On the resemblance and containment of documents"; sizes of FineWeb (Penedo et al.
    2024, section 3.4). The guide on deduplication has the settings of other tools.
    """

    version: ClassVar[int] = 2
    reasons: ClassVar[tuple[str, ...]] = ("near-duplicate",)

    bands: PositiveInt = 14
    rows: PositiveInt = 8
    n: PositiveInt = 5
    unit: Unit = "word"
    words: Words = "unicode"
    verify: float | None = Field(None, gt=0, le=1)
    seed: int = 1

    def map(self, batch: Batch, numbers: Numbers) -> pa.Table:
        """Key each row by each of its bands; a row without a single unit has no key."""
        signatures = self._signatures(batch.column("text"))
        some = ~signatures.short if self._as_peer() else signatures.units > 0
        keyed = band_keys(signatures.keys, numbers, ranks(batch, self.keep), some)
        if not self._keeps_as_peer():
            return keyed
        return keyed.append_column("order", orders(signatures).filter(pa.array(np.repeat(some, self.bands))))

    def reduce(self, keyed: pa.Table) -> pa.Table:
        """Link the rows that share a band."""
        return link_neighbours(keyed) if self._keeps_as_peer() else super().reduce(keyed)

    def settle(self, found: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Find the groups, and the row of each that stays."""
        return iter([group_by_size(found)]) if self._keeps_as_peer() else super().settle(found)

    def makes_sure(self) -> bool:
        """Say whether pairs are compared themselves."""
        return self.verify is not None

    def map_again(self, batch: Batch, numbers: Numbers, candidates: pa.Table) -> pa.Table:
        """Bring the bands and shingles of each candidate to the others of its group."""
        rows = candidates.column("row").to_numpy()
        batch = batch.take(pa.array(np.searchsorted(numbers, rows)))
        sets = shingle_sets(batch.column("text"), self.unit, self.n)
        columns = {
            "key": spread(candidates.column("kept").to_numpy()),
            "row": rows,
            "bands": _lists(self._signatures(batch.column("text")).keys.ravel(), self.bands * np.arange(len(rows) + 1)),
            "shingles": _lists(sets.hash, sets.first),
        }
        rank = ranks(batch, self.keep)
        return pa.table(columns if rank is None else columns | {"rank": rank})

    def reduce_again(self, keyed: pa.Table) -> pa.Table:
        """Link those that are as alike as asked for."""
        assert self.verify is not None
        keyed = keyed.combine_chunks()
        rows, groups = keyed.column("row").to_numpy(), keyed.column("key").to_numpy()
        bands, _ = _values(keyed, "bands")
        sets = Shingles(*_values(keyed, "shingles"))
        edges = alike(rows, groups, bands.reshape(-1, self.bands), sets, self.verify)
        if "rank" in keyed.column_names:
            rank = keyed.column("rank").to_numpy()
            order = np.argsort(rows)
            left, right = (rank[order[np.searchsorted(rows[order], side)]] for side in edges[:2])
            edges = Edges(edges.left, edges.right, left, right)
        return edge_table(edges)

    def settle_again(self, found: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Find the groups, and the row of each that stays."""
        return grouped(found)

    def _as_peer(self) -> bool:
        return self.unit == "word" and self.words != "unicode"

    def _keeps_as_peer(self) -> bool:
        return self._as_peer() and self.keep == "first" and self.verify is None

    def _signatures(self, texts: pa.Array) -> Signatures:
        if self._as_peer():
            return peer_minhash(text_buffer(texts), self.bands, self.rows, self.n, self.seed)
        if self.unit == "word":
            return minhash(text_buffer(texts), self.bands, self.rows, self.n, self.seed)
        return set_signatures(shingle_sets(texts, self.unit, self.n), self.bands, self.rows, self.seed)


def _lists(values: Numbers, first: Integers) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(first, pa.int64()), pa.array(values, pa.uint64()))


def _values(table: pa.Table, name: str) -> tuple[Numbers, Integers]:
    column = table.column(name)
    lists = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    first = lists.offsets.to_numpy()
    return lists.values.to_numpy()[first[0] : first[-1]], first - first[0]
