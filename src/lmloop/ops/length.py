"""Keep texts whose length lies in a range."""

from typing import ClassVar

import numpy as np
import pyarrow.compute as pc

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict


class Length(Filter):
    """Keep texts of at least ``min`` and at most ``max`` characters (Unicode code points)."""

    reasons: ClassVar[tuple[str, ...]] = ("short", "long")

    min: int = 20
    max: int = 1_000_000

    def judge(self, batch: Batch) -> Verdict:
        """Count the characters of each text."""
        length = pc.fill_null(pc.utf8_length(batch.column("text")), 0)
        count = length.to_numpy(zero_copy_only=False)
        codes = np.where(count < self.min, 1, np.where(count > self.max, 2, 0)).astype(np.uint8)
        return Verdict(codes, {"characters": length})
