"""How surprised a model of your own good text is by a document."""

from collections.abc import Sequence
from functools import cache
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, PositiveInt

from lmloop.core.batch import Batch
from lmloop.core.errors import DataError
from lmloop.core.learning import HeldOut
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import OutsideFile
from lmloop.kernels.language_model import NgramModel, surprise, train
from lmloop.kernels.overlap import Units, documents, units_of

FOLDS = 5


class Perplexity(Filter):
    """Keep documents of ``min_perplexity`` to ``max_perplexity`` under an n-gram model of the text in ``good``.

    The model is trained when the op is first used, on the records of these files (JSON Lines, Parquet, CSV, text), with
    n-grams of up to ``order`` words, a CJK character being one; perplexities are per such word, and comparable for one
    model only: take limits from the histogram. One that is very low is a document that the good text holds. At most
    ``max_words`` words of it are read: a million take some 100 MB of memory in each worker.

    Source: Wenzek et al. 2020, "CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data", section 4.2;
    smoothing by Witten and Bell (Chen and Goodman 1998, section 2.4). The default limit is data-juicer's.
    """

    reasons: ClassVar[tuple[str, ...]] = ("too-familiar", "too-surprising")

    good: list[OutsideFile] = Field(min_length=1)
    order: PositiveInt = 3
    min_perplexity: float = 0.0
    max_perplexity: float = 1500.0
    max_words: PositiveInt = 5_000_000

    @classmethod
    def example(cls) -> Self:
        """Give one that has read this file."""
        return cls(good=[OutsideFile(__file__)])

    def judge(self, batch: Batch) -> Verdict:
        """Take each document's perplexity."""
        model = _model(tuple(self.good), self.order, self.max_words)
        perplexity = np.exp(np.minimum(surprise(units_of(batch.column("text")), model), 100.0))
        codes = np.where(perplexity < self.min_perplexity, 1, np.where(perplexity > self.max_perplexity, 2, 0))
        return Verdict(codes.astype(np.uint8), {"perplexity": perplexity})

    def held_out(self) -> HeldOut:
        """Take the perplexity of each good text under a model of the others."""
        units, texts = _units(tuple(self.good), self.max_words)
        found = np.zeros(len(texts))
        for fold in range(FOLDS):
            inside = np.arange(len(texts)) % FOLDS == fold
            model = train(documents(units, np.flatnonzero(~inside)), self.order)
            found[inside] = np.exp(np.minimum(surprise(documents(units, np.flatnonzero(inside)), model), 100.0))
        wanted = np.ones(len(texts), np.bool_)
        return HeldOut(texts, found, wanted, "perplexity", self.max_perplexity, keeps_above=False)


@cache
def _model(good: Sequence[OutsideFile], order: int, max_words: int) -> NgramModel:
    units, _ = _units(good, max_words)
    if not len(units.hash):
        raise DataError(f"there is no word in {', '.join(file.path.name for file in good)}")
    return train(units, order)


def _units(good: Sequence[OutsideFile], max_words: int) -> tuple[Units, list[str]]:
    """Read whole texts of up to so many words, at least one."""
    texts, size = [], 0
    for text in ("\n".join(record) for file in good for record in file.records()):
        texts.append(text)
        size += len(text)
        if size > 20 * max_words:  # no language has words so long: what is beyond would not be read
            break
    units = units_of(texts)
    whole = max(int(np.searchsorted(units.first, max_words, side="right")), 2)
    return units._replace(first=units.first[:whole]), texts[: whole - 1]
