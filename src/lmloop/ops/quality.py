"""Documents like your good ones and unlike your bad ones."""

from collections.abc import Sequence
from functools import cache
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from lmloop.core.batch import Batch
from lmloop.core.errors import DataError
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import OutsideFile
from lmloop.kernels.classifier import learn, scores
from lmloop.kernels.overlap import units_of
from lmloop.kernels.text import Floats

SEED = 7


class Quality(Filter):
    """Keep documents that a classifier, trained on your own samples, takes for good with at least ``min_score``.

    ``good`` and ``bad`` are files of samples (JSON Lines, Parquet, CSV: a sample a record; text: one a paragraph),
    some hundreds of each at least. The classifier is trained when the op is first used, in seconds. What makes a
    document good is yours to say: encyclopedias against a crawl, what was praised against what was not, or harmless
    against toxic.

    Source: Brown et al. 2020, "Language Models are Few-Shot Learners", appendix A (a linear classifier over hashed
    words against a crawl); pairs of words as in fastText (Joulin et al. 2016).
    """

    reasons: ClassVar[tuple[str, ...]] = ("low-score",)

    good: list[OutsideFile] = Field(min_length=1)
    bad: list[OutsideFile] = Field(min_length=1)
    min_score: float = 0.5

    @classmethod
    def example(cls) -> Self:
        """Give one that takes this file for good and the start of the package for bad."""
        here = OutsideFile(__file__)
        return cls(good=[here], bad=[OutsideFile(here.path.with_name("__init__.py"))])

    def judge(self, batch: Batch) -> Verdict:
        """Score each document."""
        score = scores(units_of(batch.column("text")), _weights(tuple(self.good), tuple(self.bad)))
        return Verdict((score < self.min_score).astype(np.uint8), {"score": score})


@cache
def _weights(good: Sequence[OutsideFile], bad: Sequence[OutsideFile]) -> Floats:
    sides = [["\n".join(record) for file in files for record in file.records()] for files in (good, bad)]
    if not all(any(map(str.strip, side)) for side in sides):
        raise DataError("both the good and the bad samples need at least one text")
    marks = np.repeat([True, False], [len(side) for side in sides])
    order = np.random.RandomState(SEED).permutation(len(marks)).astype(np.int64)  # its stream is frozen for good
    return learn(units_of(sides[0] + sides[1]), marks, order)
