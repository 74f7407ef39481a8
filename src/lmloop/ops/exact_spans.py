"""Keep the first of any lines, paragraphs or sentences that are the same, across the whole corpus."""

from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, NonNegativeInt, PositiveInt

from lmloop.core.batch import Batch, with_text
from lmloop.core.op import Barrier, Numbers, Verdict
from lmloop.kernels.pieces import (
    LINES,
    PARAGRAPHS,
    SENTENCES,
    Pieces,
    cut,
    document_sums,
    keep_pieces,
    piece_hashes,
    piece_lengths,
)
from lmloop.kernels.spans import copies, covered, merged, window_keys
from lmloop.kernels.text import TextBuffer, text_buffer

UNITS = {"line": LINES, "paragraph": PARAGRAPHS, "sentence": SENTENCES}


class ExactSpans(Barrier):
    """Cut out every span that stood earlier in the corpus: of ``n`` lines, paragraphs or sentences (``unit``) in a row.

    Spans of fewer than ``min_characters`` are left alone, and so are those that come fewer than ``min_copies`` times.
    A document goes of whose characters less than ``min_left`` is left, or nothing but white space. Spans are
    compared by 128-bit hashes of their text as it is; the first of each, in the order of the corpus, stays.

    Source: ``unit`` "sentence" with ``n`` 3 is C4's rule (Raffel et al. 2020, section 2.2); "paragraph" is CCNet's
    (Wenzek et al. 2020, section 3.1); "line" with ``min_copies`` 6 is RedPajama's and data-juicer's.
    """

    reasons: ClassVar[tuple[str, ...]] = ("nothing-left", "little-left")
    rewrites: ClassVar[bool] = True

    unit: Literal["line", "paragraph", "sentence"] = "paragraph"
    n: PositiveInt = 1
    min_characters: NonNegativeInt = 20
    min_copies: int = Field(2, ge=2)
    min_left: float = 0.0

    def map(self, batch: Batch, numbers: Numbers) -> pa.Table:
        """Key each span of each row."""
        buffer, pieces = self._cut(batch)
        hashes, lengths = piece_hashes(buffer, pieces), piece_lengths(buffer, pieces)
        keys, documents, places = window_keys(hashes, lengths, pieces, self.n, self.min_characters)
        columns = {"key": keys[:, 0], "check": keys[:, 1], "row": numbers[documents], "place": places.astype(np.uint32)}
        return pa.table(columns)

    def reduce(self, keyed: pa.Table) -> pa.Table:
        """Find the spans that have stood before."""
        return copies(keyed, self.min_copies)

    def settle(self, found: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Order them by row."""
        return merged(found)

    def judge(self, batch: Batch, numbers: Numbers, decisions: pa.Table) -> Verdict:
        """Cut them out, and drop what is then too short."""
        buffer, pieces = self._cut(batch)
        gone = covered(pieces, numbers, decisions, self.n)
        lengths = piece_lengths(buffer, pieces)
        characters = np.maximum(document_sums(lengths, pieces.first), 1)
        left = 1 - document_sums(lengths * gone, pieces.first) / characters
        changed = with_text(batch, keep_pieces(buffer, pieces, ~gone))
        touched = document_sums(gone, pieces.first) > 0
        empty = touched & (document_sums(lengths * ~gone, pieces.first) == 0)
        codes = np.where(empty, 1, np.where(touched & (left < self.min_left), 2, 0)).astype(np.uint8)
        return Verdict(codes, {"left": left, "spans_cut": document_sums(gone, pieces.first)}, changed)

    def _cut(self, batch: Batch) -> tuple[TextBuffer, Pieces]:
        buffer = text_buffer(batch.column("text"))
        return buffer, cut(buffer, UNITS[self.unit])
