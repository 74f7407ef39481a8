"""Asking a model a question, and whether it is sure of its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lmloop.core.asking import answer
from lmloop.core.errors import StepError
from lmloop.core.model import Generates, Model, Sampling, Scores
from lmloop.core.progress import Progress
from lmloop.scoring.sureness import Match, Question, ask, ask_sure, heard, is_silent, sure_share

BATCH = 1024


@dataclass(frozen=True, slots=True)
class Case:
    """A question: the record's name, whether it has an answer, and whether a probe found it known (None: not asked)."""

    record: str
    question: Question
    has_answer: bool
    known: bool | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said: whether it was right, how confident it was, how sure it says it is, whether it was silent."""

    case: Case
    text: str
    right: bool
    confidence: float
    sure: float
    silent: bool

    @property
    def score(self) -> float:
        """The mean of confidence and sureness: what answers are ranked by, as in R-Tuning."""
        return (self.confidence + self.sure) / 2

    def refused(self, threshold: float) -> bool:
        """Tell whether it counts as not answered."""
        return self.silent or self.sure < threshold

    def row(self, model: str) -> dict[str, Any]:
        """Give it as a row of a table."""
        return {
            "model": model,
            "record": self.case.record,
            "question": self.case.question.prompt[-1].text,
            "answer": self.case.question.answers[0] if self.case.has_answer else None,
            "said": self.text,
            "right": self.right if self.case.has_answer else None,
            "confidence": self.confidence,
            "sure": self.sure,
            "silent": self.silent,
            "known": self.case.known,
        }


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one model."""

    model: Model
    match: Match
    sampling: Sampling

    def ask(self, cases: Sequence[Case], progress: Progress) -> list[Answer]:
        """Ask all questions, some at a time, in order.

        Raises:
            StepError: the model can score or write no texts, or gave no reply.
        """
        if not isinstance(self.model, Scores) or not isinstance(self.model, Generates):
            raise StepError("whether a model is sure is read off a model that writes and scores", hint="take another")
        found: list[Answer] = []
        with progress.bar("certainty", len(cases), "questions") as bar:
            for first in range(0, len(cases), BATCH):
                found += self._some(cases[first : first + BATCH])
                bar.advance(len(found) - first)
        return found

    def _some(self, cases: Sequence[Case]) -> list[Answer]:
        asked = [ask(case.question, self.sampling) for case in cases]
        replies = iter(answer(self.model, [request for some in asked for request in some]))
        each = [[next(replies) for _ in some] for some in asked]
        said = [heard(case.question, some, self.match) for case, some in zip(cases, each, strict=True)]
        doubts = [ask_sure(case.question, one.text) for case, one in zip(cases, said, strict=True)]
        sure = answer(self.model, [request for some in doubts for request in some])
        if lost := next((reply.error for some in (*each, sure) for reply in some if reply.error), ""):
            raise StepError(f"the model gave no reply: {lost}", hint="what was answered is kept: run it again")
        return [
            Answer(
                case,
                one.text,
                case.has_answer and one.right,
                one.confidence,
                sure_share(sure[2 * place : 2 * place + 2]),
                is_silent(one.text),
            )
            for place, (case, one) in enumerate(zip(cases, said, strict=True))
        ]
