"""Documents with words from a list."""

from collections.abc import Sequence
from functools import cache
from typing import ClassVar, Self

import numpy as np

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import OutsideFile
from lmloop.kernels.matching import Matcher


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
        counts = [sum(1 for _ in matcher.found(text)) if text else 0 for text in batch.column("text").to_pylist()]
        matches = np.array(counts, np.int64)
        return Verdict((matches > self.max_matches).astype(np.uint8), {"matches": matches})


@cache
def _matcher(words: Sequence[str], files: Sequence[OutsideFile]) -> Matcher:
    return Matcher([*words, *(line for file in files for line in file.lines())])
