"""Documents with words from a list."""

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np

from lmloop.core.batch import Batch
from lmloop.core.extras import need
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import OutsideFile


class BadWords(Filter):
    """Drop documents with more than ``max_matches`` matches of the ``words`` here and in ``files`` (one a line).

    Case makes no difference. A word is matched where neither a letter nor a number touches it; one in a script without
    spaces (Chinese, Japanese, Thai) wherever it stands. No list comes with the package: most use the "List of Dirty,
    Naughty, Obscene, and Otherwise Bad Words" (LDNOOBW, CC BY 4.0). Needs the extra ``curate``.

    Source: Raffel et al. 2020 (C4), section 2.2: one word is enough. Counting, as data-juicer does, keeps
    encyclopedias.
    """

    reasons: ClassVar[tuple[str, ...]] = ("bad-words",)

    words: list[str] = []
    files: list[OutsideFile] = []
    max_matches: int = 0

    @classmethod
    def example(cls) -> Self:
        """Give one with a list of three."""
        return cls(words=["lazy", "lorem ipsum", "重复"])

    def judge(self, batch: Batch) -> Verdict:
        """Count the matches in each document."""
        matcher = _matcher(tuple(self.words), tuple(self.files))
        counts = [_count(text.lower(), matcher) if text else 0 for text in batch.column("text").to_pylist()]
        matches = np.array(counts, np.int64)
        return Verdict((matches > self.max_matches).astype(np.uint8), {"matches": matches})


def _count(text: str, matcher: Any) -> int:
    automaton, spaced = matcher
    if automaton is None:
        return 0
    found = automaton.find_matches_as_indexes(text, overlapping=True)
    return sum(not spaced[word] or _stands_alone(text, start, end) for word, start, end in found)


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    return not (before.isalnum() or before == "_" or after.isalnum() or after == "_")


def _is_spaced(word: str) -> bool:
    return not any("\u0e00" <= character <= "\u0eff" or "\u2e80" <= character <= "\ud7a3" for character in word)


@cache
def _matcher(words: Sequence[str], files: Sequence[OutsideFile]) -> tuple[Any, list[bool]]:
    lines = [*words, *(line for file in files for line in file.lines())]
    patterns = sorted({line.strip().lower() for line in lines} - {""})
    library = need("ahocorasick_rs", "curate")
    return (library.AhoCorasick(patterns) if patterns else None), [_is_spaced(word) for word in patterns]
