"""Gopher's rules for how much a document may repeat itself."""

from typing import ClassVar

import numpy as np

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.repetition import REASONS, RepetitionThresholds, repetition_reasons, repetition_statistics
from lmloop.kernels.segmentation import Words, lines_of, tokens_of
from lmloop.kernels.text import text_buffer


class GopherRepetition(Filter):
    """Keep documents that do not repeat themselves: their lines, paragraphs and n-grams.

    Each setting is the highest share allowed: of ``paragraphs`` and ``lines`` that were there before, of the
    document's characters in them (``paragraph_characters``, ``line_characters``), in all places of its most
    frequent n-gram (``top_2_gram`` to ``top_4_gram``), and in n-grams that were there before
    (``duplicate_5_grams`` to ``duplicate_10_grams``).

    ``words = "spacy-en"`` reads the rules as datatrove does, decision for decision: n-grams are of spaCy's English
    tokens, those that stand earlier are compared without the spaces between them, and an empty text is dropped.

    Source: Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher",
    appendix A.1.1, table A1.
    """

    reasons: ClassVar[tuple[str, ...]] = REASONS[1:]

    paragraphs: float = 0.30
    paragraph_characters: float = 0.20
    lines: float = 0.30
    line_characters: float = 0.20
    top_2_gram: float = 0.20
    top_3_gram: float = 0.18
    top_4_gram: float = 0.16
    duplicate_5_grams: float = 0.15
    duplicate_6_grams: float = 0.14
    duplicate_7_grams: float = 0.13
    duplicate_8_grams: float = 0.12
    duplicate_9_grams: float = 0.11
    duplicate_10_grams: float = 0.10
    words: Words = "unicode"

    def judge(self, batch: Batch) -> Verdict:
        """Take each document's statistics and find the first share that is too high."""
        buffer = text_buffer(batch.column("text"))
        peer = self.words != "unicode"
        tokens = tokens_of(buffer, self.words)
        statistics = repetition_statistics(buffer, tokens, joined=peer, lines=lines_of(buffer))
        limits = RepetitionThresholds(*(getattr(self, name) for name in RepetitionThresholds._fields))
        codes = repetition_reasons(statistics, limits)
        if peer:
            codes[np.diff(buffer.offsets) == 0] = REASONS.index("empty")
        return Verdict(codes, statistics._asdict())
