"""Whether Chinese text is in simplified or traditional characters, and which to keep."""

from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.scripts import variant_counts
from lmloop.kernels.text import text_buffer

Variant = Literal["simplified", "traditional", "mixed", "none"]


class ChineseVariant(Filter):
    """Tell simplified from traditional Chinese, and keep the texts whose variant is one of ``keep`` (none: all).

    What counts are the characters that only one of them has (们 and 們; not 后, which both have). A text is of a
    variant if at most ``max_other`` of those it has are the other's, "mixed" if more, and "none" without any: other
    languages, and a few words of Chinese. The variant and the share of traditional characters are kept as statistics.
    Japanese has characters of both: recognise the language first. To convert, see the op ``chinese-script``.

    Source: the character sets of GB 2312-80 and Big5.
    """

    reasons: ClassVar[tuple[str, ...]] = ("other-variant",)

    keep: list[Variant] = []
    max_other: float = Field(0.05, ge=0, lt=0.5)

    def judge(self, batch: Batch) -> Verdict:
        """Count the characters of each variant."""
        simplified, traditional = variant_counts(text_buffer(batch.column("text")))
        share = traditional / np.maximum(simplified + traditional, 1)
        names = np.select(
            [simplified + traditional == 0, share <= self.max_other, share >= 1 - self.max_other],
            ["none", "simplified", "traditional"],
            "mixed",
        )
        other = ~np.isin(names, self.keep) if self.keep else np.zeros(len(names), np.bool_)
        stats = {"variant": pa.array(names.tolist(), pa.string()), "traditional": share}
        return Verdict(other.astype(np.uint8), stats)
