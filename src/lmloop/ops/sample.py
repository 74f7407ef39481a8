"""A share of the documents, the same ones each time."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.hashing import xxh64
from lmloop.kernels.text import text_buffer


class Sample(Filter):
    """Keep a ``share`` of the documents, drawn by a hash of each one's id and ``seed``.

    Whether a document is drawn depends on nothing else: a larger share holds all of a smaller one, a new document
    changes nothing for the others, and two samples with different seeds are independent.
    """

    reasons: ClassVar[tuple[str, ...]] = ("not-drawn",)

    share: float = Field(0.1, ge=0, le=1)
    seed: int = Field(0, ge=0)

    def judge(self, batch: Batch) -> Verdict:
        """Draw by the hash of the id."""
        drawn = xxh64(text_buffer(batch.column("id")), self.seed) >> np.uint64(11)
        return Verdict((drawn * 2.0**-53 >= self.share).astype(np.uint8))
