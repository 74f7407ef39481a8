"""How much of a text is Chinese, Japanese or Korean."""

from typing import ClassVar

import numpy as np

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.scripts import script_shares
from lmloop.kernels.text import text_buffer


class Cjk(Filter):
    """Keep texts of whose letters at least ``min_han`` are Han, and ``min_cjk`` to ``max_cjk`` Han, kana or hangul.

    The shares are of letters and CJK characters; marks, numbers and white space count for neither. A Chinese corpus
    wants ``min_han`` 0.3 or so: below it are menus, code and other languages (WuDao: Yuan et al. 2021, section 2.2,
    asks for ten Chinese characters; a share does not depend on a document's length).
    """

    reasons: ClassVar[tuple[str, ...]] = ("little-han", "little-cjk", "much-cjk")

    min_han: float = 0.0
    min_cjk: float = 0.0
    max_cjk: float = 1.0

    def judge(self, batch: Batch) -> Verdict:
        """Count the letters of each text by their script."""
        han, cjk = script_shares(text_buffer(batch.column("text")))
        broken = [han < self.min_han, cjk < self.min_cjk, cjk > self.max_cjk]
        return Verdict(np.select(broken, [1, 2, 3], 0).astype(np.uint8), {"han": han, "cjk": cjk})
