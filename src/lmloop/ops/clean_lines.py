"""Lines that are no text: navigation, counters, notices of cookies and copyright, headings in capitals."""

from typing import ClassVar, Literal

import numpy as np

from lmloop.core.batch import Batch, with_text
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.linewise import BLANK, KINDS, line_kinds
from lmloop.kernels.pieces import LINES, cut, document_sums, keep_pieces
from lmloop.kernels.text import text_buffer

Kind = Literal["capitals", "numbers", "counter", "one-word", "navigation", "notice"]


class CleanLines(Filter):
    """Remove lines that are no text, and documents that have many of them.

    A line of one of the kinds ``remove`` goes: mainly capitals; only numbers; a counter ("3 likes"); one word;
    navigation of up to 10 words ("Read more", "items in cart", 返回首页); a notice of cookies, rights or
    registration of up to 40 words (版权所有, ICP备). A document goes where more than ``max_removed_words`` of its
    words were in such lines, or nothing is left. The paper's limit is meant for web pages; raise it to 1 to
    clean whatever it is. The phrases, in English and Chinese, stand in ``lmloop.kernels.linewise``.

    Source: Penedo et al. 2023, "The RefinedWeb Dataset for Falcon LLM", appendix G.2; notices are ours.
    """

    reasons: ClassVar[tuple[str, ...]] = ("many-such-lines", "nothing-left")
    rewrites: ClassVar[bool] = True

    remove: list[Kind] = ["capitals", "numbers", "counter", "one-word", "navigation", "notice"]
    max_removed_words: float = 0.05

    def judge(self, batch: Batch) -> Verdict:
        """Find the kind of each line, and put the documents together without some."""
        buffer = text_buffer(batch.column("text"))
        pieces = cut(buffer, LINES)
        kinds, words = line_kinds(buffer, pieces)
        kept = ~np.isin(kinds, [KINDS.index(kind) for kind in self.remove])
        tenths = np.rint(words * 10)  # whole numbers, so that sums do not depend on where batches are cut
        share = document_sums(tenths * ~kept, pieces.first) / np.maximum(document_sums(tenths, pieces.first), 1)
        text = kept & (kinds != BLANK)
        codes = np.where(share > self.max_removed_words, 1, np.where(document_sums(text, pieces.first) == 0, 2, 0))
        stats = {"removed_words": share, "removed_lines": document_sums(~kept, pieces.first)}
        return Verdict(codes.astype(np.uint8), stats, with_text(batch, keep_pieces(buffer, pieces, kept)))
