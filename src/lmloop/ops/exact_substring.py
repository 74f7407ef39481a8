"""Cut out every span of text that stood before, anywhere in the corpus."""

from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from lmloop.core.batch import Batch, with_text
from lmloop.core.op import DoubleBarrier, Numbers, Verdict
from lmloop.kernels.hashing import spread
from lmloop.kernels.overlap import Units
from lmloop.kernels.pieces import document_sums, text_array
from lmloop.kernels.spans import by_row, merged
from lmloop.kernels.substrings import (
    among,
    character_units,
    contexts,
    covered_units,
    met_before,
    runs,
    scan,
    without,
    word_units,
)
from lmloop.kernels.text import TextBuffer, text_buffer


class ExactSubstring(DoubleBarrier):
    """Cut out every span of at least ``n`` units that stands elsewhere in the corpus, however long, wherever it begins.

    A ``unit`` is a "word" (a word, a CJK character or a mark; white space between them makes no difference) or a
    "character". The ``keep`` "first" leaves the first copy of a span, in the order of the corpus; "none" cuts
    all of them. A document goes of whose units less than the share ``min_left`` is left, or none.

    It is exact: all that stands twice is found, and every hit is compared byte for byte. Where copies overlap, as in
    a line of dashes, one period of them is left.

    Source: Lee et al. 2022, "Deduplicating training data makes language models better", section 4.1 (spans of 50
    tokens, by a suffix array). Our words are fewer than their tokens; "character" with ``n`` 100 is about their
    code's 100 bytes in English, and 33 Chinese characters are as many bytes.
    """

    reasons: ClassVar[tuple[str, ...]] = ("nothing-left", "little-left")
    rewrites: ClassVar[bool] = True

    n: PositiveInt = 50
    unit: Literal["word", "character"] = "word"
    keep: Literal["first", "none"] = "first"
    min_left: float = 0.0

    def map(self, batch: Batch, numbers: Numbers) -> pa.Table:
        """Key each row by its anchors."""
        anchors = scan(self._cut(batch)[1], self.n).anchors
        rows = numbers[anchors.document]
        return pa.table({"key": spread(anchors.hash), "row": rows, "place": anchors.place.astype(np.uint32)})

    def reduce(self, keyed: pa.Table) -> pa.Table:
        """Find the anchors that come in several rows."""
        key, row, place = (keyed.column(name).to_numpy() for name in ("key", "row", "place"))
        starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.empty(0, np.int64)
        sizes = np.diff(np.append(starts, len(key)))
        last = np.maximum(starts + sizes - 1, 0)
        several = np.repeat(row[starts] != row[last], sizes)
        return by_row({"row": row[several], "place": place[several]})

    def settle(self, found: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Order them by row."""
        return merged(found)

    def map_again(self, batch: Batch, numbers: Numbers, candidates: pa.Table) -> pa.Table:
        """Bring the windows of each such anchor to the others of its hash."""
        row, place = (candidates.column(name).to_numpy() for name in ("row", "place"))
        some, document = np.unique(row, return_inverse=True)
        batch = batch.take(pa.array(np.searchsorted(numbers, some)))
        _, units = self._cut(batch)
        anchors = among(scan(units, self.n).anchors, document, place.astype(np.int64))
        return pa.table(
            {
                "key": spread(anchors.hash),
                "row": some[anchors.document],
                "place": anchors.begin.astype(np.uint32),
                "text": contexts(units, anchors, self.n, self.unit == "word"),
            }
        )

    def reduce_again(self, keyed: pa.Table) -> pa.Table:
        """Find the windows that stood before."""
        keyed = keyed.combine_chunks()
        column = keyed.column("text")
        text = column.chunk(0) if column.num_chunks else pa.array([], column.type)
        buffers = text.buffers()
        offsets = np.frombuffer(buffers[1], np.int64)[text.offset : text.offset + len(text) + 1] if len(text) else [0]
        data = np.frombuffer(buffers[2] or b"", np.uint8) if len(text) else np.empty(0, np.uint8)
        context = TextBuffer(data, np.asarray(offsets, np.int64))
        met, first = met_before(context, self.n, self.unit == "word", self.keep == "none")
        which, start, count = runs(met, first)
        row, place = (keyed.column(name).to_numpy()[which] for name in ("row", "place"))
        return by_row({"row": row, "place": place + start.astype(np.uint32), "windows": count.astype(np.uint32)})

    def settle_again(self, found: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Order them by row."""
        return merged(found)

    def judge(self, batch: Batch, numbers: Numbers, decisions: pa.Table) -> Verdict:
        """Cut them out, and drop what is then too short."""
        buffer, units = self._cut(batch)
        repeated = scan(units, self.n, self.keep == "none").repeated
        document = np.searchsorted(numbers, decisions.column("row").to_numpy())
        place, count = (decisions.column(name).to_numpy().astype(np.int64) for name in ("place", "windows"))
        gone = covered_units(units, repeated, (document, place, count), self.n)
        total, lost = np.diff(units.first), document_sums(gone, units.first)
        left = 1 - lost / np.maximum(total, 1)
        changed = with_text(batch, text_array(without(buffer, units, gone)))
        inside = np.concatenate([[False], gone[:-1]])
        inside[units.first[:-1][total > 0]] = False
        codes = np.where((lost > 0) & (lost == total), 1, np.where((lost > 0) & (left < self.min_left), 2, 0))
        stats = {"left": left, "spans_cut": document_sums(gone & ~inside, units.first)}
        return Verdict(codes.astype(np.uint8), stats, changed)

    def _cut(self, batch: Batch) -> tuple[TextBuffer, Units]:
        buffer = text_buffer(batch.column("text"))
        return buffer, word_units(buffer) if self.unit == "word" else character_units(buffer)
