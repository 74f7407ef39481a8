"""FineWeb's quality rules: punctuated lines, few short ones, none over again, no lists."""

from typing import ClassVar

from pydantic import PositiveInt

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.fineweb import REASONS, FineWebThresholds, fineweb_reasons, fineweb_statistics
from lmloop.kernels.segmentation import Words, lines_of, tokens_of
from lmloop.kernels.text import text_buffer


class FinewebQuality(Filter):
    """Keep documents whose lines are written out, by FineWeb's rules.

    Of the lines that are not blank, at least ``min_punctuated_lines`` end in a terminal mark and at most
    ``max_short_lines`` have ``short_line`` characters or fewer; at most ``max_duplicate_characters`` of the characters
    are in lines that stood earlier; and there are at most ``max_newlines_a_word`` newlines a word. How the rules are
    read in Chinese stands in ``lmloop.kernels.fineweb``.

    ``words = "spacy-en"`` reads the rules as datatrove does, decision for decision: words are spaCy's English tokens,
    and no text is read as Chinese.

    Source: Penedo et al. 2024, "The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale", section
    3.6.
    """

    reasons: ClassVar[tuple[str, ...]] = REASONS[1:]

    min_punctuated_lines: float = 0.12
    max_short_lines: float = 0.67
    short_line: PositiveInt = 30
    max_duplicate_characters: float = 0.01
    max_newlines_a_word: float = 0.3
    words: Words = "unicode"

    def judge(self, batch: Batch) -> Verdict:
        """Take each document's statistics and find the first rule that it breaks."""
        buffer = text_buffer(batch.column("text"))
        tokens, peer = tokens_of(buffer, self.words), self.words != "unicode"
        statistics = fineweb_statistics(buffer, tokens, self.short_line, peer, lines_of(buffer))
        limits = FineWebThresholds(*(getattr(self, name) for name in FineWebThresholds._fields))
        return Verdict(fineweb_reasons(statistics, limits), statistics._asdict())
