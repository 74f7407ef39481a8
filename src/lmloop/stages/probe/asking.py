"""Asking what a model knows: one greedy answer to each question, and some that are drawn."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lmloop.core.asking import answer, ask_all
from lmloop.core.model import Model, Reply, Request, Sampling, Writing
from lmloop.core.record import Record
from lmloop.core.task import Task
from lmloop.scoring.calibration import entropy
from lmloop.scoring.sureness import Form, Match, Said, Unasked, ask, bare, confidence, heard, plain, question_of

NO_REPLY = "the model gave no reply"
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a question: the answer and whether it is right, and the samples (text, right) where drawn."""

    record: Record
    said: str
    right: bool
    confidence: float
    entropy: float | None
    samples: tuple[tuple[str, bool], ...] = ()

    @property
    def share(self) -> float | None:
        """The share of the samples that is right."""
        return sum(right for _, right in self.samples) / len(self.samples) if self.samples else None

    def meta(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "said": self.said,
            "right": self.right,
            "confidence": round(self.confidence, DIGITS),
            "entropy": None if self.entropy is None else round(self.entropy, DIGITS),
            "share": self.share,
            "samples": [{"said": said, "right": right} for said, right in self.samples],
        }


@dataclass(frozen=True, slots=True)
class Prober:
    """Asks a model questions in a ``way`` (form and match), or those of a task; ``drawn`` says how to sample."""

    model: Model
    task: Task | None
    way: tuple[Form, Match]
    sampling: Sampling
    drawn: Sequence[Sampling]

    def probe(self, records: Sequence[Record]) -> tuple[list[Finding], list[tuple[Record, str]]]:
        """Ask about some records; give what was found, and what could not be asked with its reason."""
        return self._graded(records, self.task) if self.task is not None else self._matched(records)

    def _matched(self, records: Sequence[Record]) -> tuple[list[Finding], list[tuple[Record, str]]]:
        form, match = self.way
        left, questions = [], []
        for record in records:
            try:
                questions.append((record, question_of(record, form)))
            except Unasked as why:
                left.append((record, str(why)))
        said = _each(self.model, [ask(question, self.sampling) for _, question in questions])
        again = self._again([question.prompt if not question.options else None for _, question in questions])
        found = []
        for (record, question), replies, samples in zip(questions, said, again, strict=True):
            if _lost([*replies, *samples]):
                left.append((record, NO_REPLY))
                continue
            drawn = tuple((bare(each.text), question.matches(each.text, match)) for each in samples)
            found.append(_finding(record, heard(question, replies, match), drawn))
        return found, left

    def _graded(self, records: Sequence[Record], task: Task) -> tuple[list[Finding], list[tuple[Record, str]]]:
        """Let a task ask and grade; what it asks for in one writing is sampled, too."""
        asked = ask_all(self.model, [(task, record) for record in records])
        prompts = [one[0][0].prompt if len(one) == 1 and isinstance(one[0][0], Writing) else None for one in asked]
        found, left = [], []
        for record, one, samples in zip(records, asked, self._again(prompts), strict=True):
            replies = [reply for _, reply in one]
            if _lost([*replies, *samples]):
                left.append((record, NO_REPLY))
                continue
            grade = task.grade(record, replies)
            text = grade.extracted or bare(replies[0].text)
            said = Said(text, grade.value >= 0.5, confidence(replies[0]))
            grades = [task.grade(record, [each]) for each in samples]
            drawn = tuple(
                (each.extracted or bare(reply.text), each.value >= 0.5)
                for each, reply in zip(grades, samples, strict=True)
            )
            found.append(_finding(record, said, drawn))
        return found, left

    def _again(self, prompts: Sequence[Any]) -> list[list[Reply]]:
        """Draw the samples after those prompts that there are."""
        return _each(
            self.model,
            [[Writing(prompt, one) for one in self.drawn] if prompt is not None else [] for prompt in prompts],
        )


def _each(model: Model, asked: Sequence[Sequence[Request]]) -> list[list[Reply]]:
    """Ask all at once, and give the replies to each."""
    replies = iter(answer(model, [request for some in asked for request in some]))
    return [[next(replies) for _ in some] for some in asked]


def _lost(replies: Sequence[Reply]) -> bool:
    return any(reply.error for reply in replies)


def _finding(record: Record, said: Said, drawn: tuple[tuple[str, bool], ...]) -> Finding:
    spread = None
    if drawn:
        spread = entropy(Counter(plain(text) for text, _ in drawn))
    elif said.options:
        spread = entropy(said.options)
    return Finding(record, said.text, said.right, said.confidence, spread, drawn)
