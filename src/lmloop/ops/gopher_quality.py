"""Gopher's rules for the quality of a document: its words, symbols and lines."""

from typing import ClassVar

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.quality import REASONS, QualityThresholds, quality_reasons, quality_statistics
from lmloop.kernels.segmentation import Words, tokens_of
from lmloop.kernels.text import text_buffer


class GopherQuality(Filter):
    """Keep documents that read like prose, by Gopher's rules over words, symbols and lines.

    A document has from ``min_words`` to ``max_words`` words, of ``min_word_length`` to ``max_word_length``
    characters on average; at most ``max_hash_ratio`` "#" and ``max_ellipsis_ratio`` ellipses a word; at most
    ``max_bullet_lines`` of its lines begin with a bullet and ``max_ellipsis_lines`` end with an ellipsis; at
    least ``min_letter_words`` of its words have a letter; it has ``min_stop_words`` different stop words.
    How each rule is read in Chinese, Japanese and Korean text stands in ``lmloop.kernels.quality``.

    ``words = "spacy-en"`` reads the rules as datatrove does, decision for decision: words are spaCy's English tokens,
    each mark is one, and no text is read as Chinese.

    Source: Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher",
    appendix A.1.1.
    """

    reasons: ClassVar[tuple[str, ...]] = REASONS[1:]

    min_words: float = 50
    max_words: float = 100_000
    min_word_length: float = 3
    max_word_length: float = 10
    max_hash_ratio: float = 0.1
    max_ellipsis_ratio: float = 0.1
    max_bullet_lines: float = 0.9
    max_ellipsis_lines: float = 0.3
    min_letter_words: float = 0.8
    min_stop_words: float = 2
    words: Words = "unicode"

    def judge(self, batch: Batch) -> Verdict:
        """Take each document's statistics and find the first rule that it breaks."""
        buffer = text_buffer(batch.column("text"))
        tokens = tokens_of(buffer, self.words)
        statistics = quality_statistics(buffer, tokens, marks_are_words=self.words != "unicode")
        limits = QualityThresholds(*(getattr(self, name) for name in QualityThresholds._fields))
        return Verdict(quality_reasons(statistics, limits), statistics._asdict())
