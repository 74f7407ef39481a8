"""Plain measures of a text within limits: lengths, classes of characters, repetition, stop words."""

from collections.abc import Sequence
from functools import cache
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import OutsideFile
from lmloop.kernels.measures import measure
from lmloop.kernels.pieces import document_sums
from lmloop.kernels.segmentation import tokens_of
from lmloop.kernels.text import Hashes, text_buffer
from lmloop.kernels.words import KIND_SYMBOL, Tokens, segment

LOWER = ("characters", "words", "alphanumeric", "average_line", "longest_line", "stop_words")
UPPER = ("characters", "words", "special", "character_repetition", "word_repetition")


class Measures(Filter):
    """Keep texts whose plain measures lie within limits; the defaults are data-juicer's.

    From ``min_characters`` to ``max_characters`` code points and ``min_words`` to ``max_words`` words; at least
    ``min_alphanumeric`` of the characters letters and numbers, at most ``max_special`` white space, numbers, marks and
    symbols; lines of ``min_average_line`` characters on average, the longest of ``min_longest_line``; at most
    ``max_character_repetition`` of the n-grams of ``n`` characters in the most frequent ones, and
    ``max_word_repetition`` of those of ``n`` words coming more than once; at least ``min_stop_words`` of the words in
    the lists ``stop_words_files`` (one a line; no list comes with the package, so the default asks for none).

    Source: Chen et al. 2024, "Data-Juicer: A One-Stop Data Processing System for Large Language Models", its filters
    alphanumeric, average_line_length, character_repetition, maximum_line_length, special_characters, stopwords,
    text_length, word_repetition and words_num. How CJK is read stands in ``lmloop.kernels.measures``.
    """

    reasons: ClassVar[tuple[str, ...]] = (
        *(f"low-{name.replace('_', '-')}" for name in LOWER),
        *(f"high-{name.replace('_', '-')}" for name in UPPER),
    )

    min_characters: float = 10
    max_characters: float = 1e12
    min_words: float = 10
    max_words: float = 1e12
    min_alphanumeric: float = 0.25
    max_special: float = 0.25
    min_average_line: float = 10
    min_longest_line: float = 10
    max_character_repetition: float = 0.5
    max_word_repetition: float = 0.5
    n: PositiveInt = 10
    min_stop_words: float = 0.0
    stop_words_files: list[OutsideFile] = []

    def judge(self, batch: Batch) -> Verdict:
        """Measure each text, and find the first limit that it breaks."""
        buffer = text_buffer(batch.column("text"))
        tokens = tokens_of(buffer)
        stats = {**measure(buffer, tokens, self.n)._asdict(), "stop_words": self._stop_words(tokens)}
        broken = [stats[name] < getattr(self, f"min_{name}") for name in LOWER]
        broken += [stats[name] > getattr(self, f"max_{name}") for name in UPPER]
        return Verdict(np.select(broken, range(1, len(broken) + 1), 0).astype(np.uint8), stats)

    def _stop_words(self, tokens: Tokens) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        if not self.stop_words_files:
            return np.zeros(len(tokens.first) - 1)
        words = document_sums(tokens.kind != KIND_SYMBOL, tokens.first)
        known = np.isin(tokens.hash, _hashes(tuple(self.stop_words_files)))
        return document_sums(known, tokens.first) / np.maximum(words, 1)


@cache
def _hashes(files: Sequence[OutsideFile]) -> Hashes:
    """Give the hashes of the words of some lists, in lower case and with a capital."""
    words = {form for file in files for word in file.lines() for form in (word.lower(), word.capitalize())}
    return segment(text_buffer(pa.array(sorted(words), pa.string()))).hash
