"""Documents with several paragraphs of some length."""

from typing import ClassVar

import numpy as np
from pydantic import NonNegativeInt

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.pieces import LINES, cut, document_sums, piece_lengths
from lmloop.kernels.text import text_buffer


class LongParagraphs(Filter):
    """Keep documents that have at least ``min_paragraphs`` lines of at least ``min_characters`` code points.

    200 letters are some 35 English words; Chinese says as much in 60 characters, so set ``min_characters`` to that for
    a Chinese corpus.

    Source: Xue et al. 2021, "mT5: A Massively Multilingual Pre-trained Text-to-Text Transformer", section 3.1 (mC4).
    """

    reasons: ClassVar[tuple[str, ...]] = ("few-long-paragraphs",)

    min_paragraphs: NonNegativeInt = 3
    min_characters: NonNegativeInt = 200

    def judge(self, batch: Batch) -> Verdict:
        """Count the long lines of each document."""
        buffer = text_buffer(batch.column("text"))
        pieces = cut(buffer, LINES)
        count = document_sums(piece_lengths(buffer, pieces) >= self.min_characters, pieces.first)
        return Verdict((count < self.min_paragraphs).astype(np.uint8), {"paragraphs": count})
