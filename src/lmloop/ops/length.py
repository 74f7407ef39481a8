"""Keep texts whose length lies in a range."""

from typing import ClassVar

import numpy as np
import pyarrow.compute as pc

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict


class Length(Filter):
    """Keep texts of at least ``min_characters`` and at most ``max_characters`` Unicode code points."""

    reasons: ClassVar[tuple[str, ...]] = ("short", "long")

    min_characters: int = 20
    max_characters: int = 1_000_000

    def judge(self, batch: Batch) -> Verdict:
        """Count the characters of each text."""
        length = pc.fill_null(pc.utf8_length(batch.column("text")), 0)
        count = length.to_numpy(zero_copy_only=False)
        codes = np.where(count < self.min_characters, 1, np.where(count > self.max_characters, 2, 0)).astype(np.uint8)
        return Verdict(codes, {"characters": length})
