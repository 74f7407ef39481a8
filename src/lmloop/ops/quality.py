"""Documents like your good ones and unlike your bad ones."""

from collections.abc import Sequence
from functools import cache
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from lmloop.core.batch import Batch
from lmloop.core.learning import HeldOut
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import OutsideFile
from lmloop.kernels.classifier import held_out_scores, learn, scores
from lmloop.kernels.overlap import units_of
from lmloop.kernels.samples import Samples, read_texts, two_sides
from lmloop.kernels.text import Floats


class Quality(Filter):
    """Keep documents that a classifier, trained on your own samples, takes for good with at least ``min_score``.

    ``good`` and ``bad`` are files of samples (JSON Lines, Parquet, CSV: a sample a record; text: one a paragraph),
    some hundreds of each at least. The classifier is trained when the op is first used, in seconds; how well it tells
    samples apart that it has not seen shows the step ``held-out``. What makes a document good is yours to say:
    encyclopedias against a crawl, what was praised against what was not.

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

    def held_out(self) -> HeldOut:
        """Score each sample by what is learnt from the others."""
        samples = _samples(self.good, self.bad)
        found = held_out_scores(units_of(samples.texts), samples.good, samples.order)
        return HeldOut(samples.texts, found, samples.good, "score", self.min_score, keeps_above=True)


def _samples(good: Sequence[OutsideFile], bad: Sequence[OutsideFile]) -> Samples:
    return two_sides(read_texts(good), read_texts(bad))


@cache
def _weights(good: Sequence[OutsideFile], bad: Sequence[OutsideFile]) -> Floats:
    samples = _samples(good, bad)
    return learn(units_of(samples.texts), samples.good, samples.order)
