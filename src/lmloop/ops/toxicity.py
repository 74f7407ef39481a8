"""Documents that a classifier of your own takes for toxic; a list of words is enough to begin with."""

from collections.abc import Sequence
from functools import cache
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt, model_validator

from lmloop.core.batch import Batch
from lmloop.core.errors import DataError
from lmloop.core.learning import HeldOut
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import OutsideFile
from lmloop.kernels.classifier import held_out_scores, learn, scores
from lmloop.kernels.matching import Matcher
from lmloop.kernels.overlap import Units, units_of, without
from lmloop.kernels.samples import Samples, read_texts, two_sides
from lmloop.kernels.text import Floats

Files = tuple[OutsideFile, ...]


class Toxicity(Filter):
    """Drop documents that a classifier, trained on your own samples, takes for toxic with more than ``max_score``.

    There are two ways to train it, and both together. ``toxic`` and ``harmless`` are files of samples (JSON Lines,
    Parquet, CSV: a sample a record; text: one a paragraph). Where few samples are labelled, ``words`` are files with
    a word or phrase a line, and ``unlabelled`` files of any text: samples with at least ``min_words`` different words
    of the list count as toxic, those without any as harmless, and the others are not learnt from. The words
    themselves are then hidden from the classifier, so that it learns what stands around them: it finds what says the
    same in other words, and lets pass what only mentions one. The op ``bad-words`` drops by the words alone.

    How well samples are told apart that were not learnt from shows the step ``held-out``. The classifier is trained
    when the op is first used, in seconds. No list comes with the package.

    Source: linear classifiers of toxicity as in Soldaini et al. 2024, "Dolma: an Open Corpus of Three Trillion Tokens",
    section 5.3; learning from a word list is distant supervision (Mintz et al. 2009).
    """

    reasons: ClassVar[tuple[str, ...]] = ("toxic",)

    toxic: list[OutsideFile] = []
    harmless: list[OutsideFile] = []
    words: list[OutsideFile] = []
    unlabelled: list[OutsideFile] = []
    min_words: PositiveInt = 2
    max_score: float = Field(0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _can_learn(self) -> Self:
        if bool(self.words) != bool(self.unlabelled):
            raise ValueError("words and unlabelled belong together: texts in which the words are looked for")
        if not self.words and not (self.toxic and self.harmless):
            raise ValueError("give toxic and harmless samples, or words and unlabelled ones")
        return self

    @classmethod
    def example(cls) -> Self:
        """Give one that takes this file for toxic and the start of the package for harmless."""
        here = OutsideFile(__file__)
        return cls(toxic=[here], harmless=[OutsideFile(here.path.with_name("__init__.py"))])

    def judge(self, batch: Batch) -> Verdict:
        """Score each document."""
        hidden, weights = _learnt(*self._files(), self.min_words)
        units = units_of(batch.column("text"))
        score = scores(without(units, hidden) if len(hidden) else units, weights)
        return Verdict((score > self.max_score).astype(np.uint8), {"score": score})

    def held_out(self) -> HeldOut:
        """Score each sample by what is learnt from the others."""
        samples, units, _ = _samples(*self._files(), self.min_words)
        found = held_out_scores(units, samples.good, samples.order)
        return HeldOut(samples.texts, found, ~samples.good, "score", self.max_score, keeps_above=False)

    def _files(self) -> tuple[Files, Files, Files, Files]:
        return tuple(self.toxic), tuple(self.harmless), tuple(self.words), tuple(self.unlabelled)


@cache
def _learnt(
    toxic: Files, harmless: Files, words: Files, unlabelled: Files, least: int
) -> tuple[npt.NDArray[np.uint64], Floats]:
    samples, units, hidden = _samples(toxic, harmless, words, unlabelled, least)
    return hidden, learn(units, samples.good, samples.order)


def _samples(
    toxic: Files, harmless: Files, words: Files, unlabelled: Files, least: int
) -> tuple[Samples, Units, npt.NDArray[np.uint64]]:
    """Give the samples (good ones are toxic: what is looked for), their units, and the units that are hidden."""
    phrases = [line.lower() for file in words for line in file.lines()]
    found, clean = _by_words(read_texts(unlabelled), phrases, least) if phrases else ([], [])
    if phrases and not found:
        raise DataError(f"no unlabelled sample has {least} of the words", hint="lower min_words, or give more samples")
    samples = two_sides([*read_texts(toxic), *found], [*read_texts(harmless), *clean])
    hidden = np.unique(units_of(phrases).hash) if phrases else np.zeros(0, np.uint64)
    units = units_of(samples.texts)
    return samples, without(units, hidden) if len(hidden) else units, hidden


def _by_words(texts: Sequence[str], phrases: Sequence[str], least: int) -> tuple[list[str], list[str]]:
    """Part texts into those with so many different phrases and those with none."""
    matcher = Matcher(phrases)
    counts = [len(set(matcher.found(text))) for text in texts]
    many = [text for text, count in zip(texts, counts, strict=True) if count >= least]
    none = [text for text, count in zip(texts, counts, strict=True) if count == 0]
    return many, none
