"""A sitting: one model before all tasks, a batch of questions at a time."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from lmloop.core.asking import ask_all
from lmloop.core.errors import StepError
from lmloop.core.model import Model, Reply, Request, Scoring
from lmloop.core.part import Part, build
from lmloop.core.progress import Bar, Progress
from lmloop.core.record import Record
from lmloop.core.replies import Kept, fingerprint, remembering
from lmloop.core.scores import Tested
from lmloop.core.task import Grade, Remark, Task
from lmloop.core.weights import open_model
from lmloop.stages.evaluate.questions import Counted

AskedTask: TypeAlias = tuple[str, Task, Counted]
Said: TypeAlias = Sequence[tuple[Request, Reply]]
Row: TypeAlias = dict[str, Any]

DEAD = 64
"""So many requests in a row without a reply: whoever is asked is not there any more."""


def opened(model: Part | Path) -> Model:
    """Open a model, anew: with it goes what it has loaded."""
    return open_model(model) if isinstance(model, Path) else build("models", model.spec())  # type: ignore[return-value]


class Sitting:
    """Asks one model, and counts what it took."""

    def __init__(self, name: str, model: Model, asked: Sequence[AskedTask], kept: Kept) -> None:
        self.name, self.model, self.asked, self.kept = name, model, asked, kept
        self.remembering = remembering(model, kept)
        self.requests = self.prompt_tokens = self.tokens = self.errors = self.in_a_row = 0
        self.why = ""
        self.remarkable: dict[str, tuple[Task, list[Grade]]] = {}

    @property
    def seconds(self) -> float:
        """How long all replies took when they were made, now or in an earlier run."""
        return float(self.remembering.seconds)

    def hold(self, batch: int, max_errors: float, progress: Progress) -> Iterator[list[Row]]:
        """Ask all questions, a batch at a time, and give the rows of each.

        Raises:
            StepError: too many questions got no reply.
        """
        total = sum(counted.questions for _, _, counted in self.asked)
        questions = ((name, task, record) for name, task, _ in self.asked for record in task.questions())
        unanswered = 0
        with progress.bar(self.name, total, "questions") as bar:
            while some := list(islice(questions, batch)):
                said = ask_all(self.remembering, [(task, record) for _, task, record in some], self._heard(bar))
                unanswered += sum(any(reply.error for _, reply in one) for one in said)
                if unanswered > max_errors * total:
                    raise self._gone(f"{unanswered:,} of {total:,} questions")
                yield self._rows(some, said)
        self.kept.flush()

    def told(self, folder: str) -> Tested:
        """Say what was asked and what it took."""
        part = self.model if isinstance(self.model, Part) else None
        settings = portable(part.identity()) if part else {}
        name = fingerprint(self.model)
        return Tested(self.name, name, settings, folder, self.requests, self.prompt_tokens, self.tokens)

    def _heard(self, bar: Bar) -> Any:
        def heard(place: int, turn: int, count: int, reply: Reply) -> None:
            self.requests += 1
            self.prompt_tokens += reply.prompt_tokens
            self.tokens += reply.tokens
            if reply.error:
                self.errors += 1
                self.in_a_row += 1
                self.why = reply.error
                bar.note(f"{self.errors:,} without a reply: {reply.error}")
                if self.in_a_row >= DEAD:
                    raise self._gone(f"{DEAD} requests in a row")
            else:
                self.in_a_row = 0
            if turn == 0:
                bar.advance(1 / count)

        return heard

    def _gone(self, what: str) -> StepError:
        return StepError(
            f"{self.name} gave no reply to {what}: {self.why}",
            hint="what was answered is kept: run it again to go on (max_errors is the share that may stay open)",
        )

    def remarks(self) -> list[tuple[str, Remark]]:
        """Give what tasks have to say of all their grades, with the task's name here."""
        return [(label, remark) for label, (task, grades) in self.remarkable.items() for remark in task.remarks(grades)]

    def _keep(self, label: str, task: Task, grades: Sequence[Grade]) -> None:
        """Keep the grades of a task that has something to say of all of them."""
        if type(task).remarks is not Task.remarks:
            self.remarkable.setdefault(label, (task, []))[1].extend(grades)

    def _rows(self, some: Sequence[tuple[str, Task, Record]], said: Sequence[Said]) -> list[Row]:
        """Grade a batch, task by task."""
        grades: dict[int, Grade] = {}
        for label in dict.fromkeys(label for label, _, _ in some):
            mine = [place for place, (name, _, _) in enumerate(some) if name == label]
            whole = [place for place in mine if not any(reply.error for _, reply in said[place])]
            pairs = [(some[place][2], tuple(reply for _, reply in said[place])) for place in whole]
            found = some[mine[0]][1].grades(pairs) if pairs else []
            self._keep(label, some[mine[0]][1], found)
            grades.update(zip(whole, found, strict=True))
        return [
            self._row(label, record, said[place], grades.get(place)) for place, (label, _, record) in enumerate(some)
        ]

    def _row(self, label: str, record: Record, said: Said, grade: Grade | None) -> Row:
        error = next((reply.error for _, reply in said if reply.error), "")
        prompt = said[0][0].prompt if said else record.prompt
        found = grade or Grade(record.id, group=str(record.meta.get("subject", "")))
        return {
            "model": self.name,
            "task": label,
            "group": found.group,
            "cluster": found.cluster,
            "record": record.id,
            "value": found.value if grade else None,
            "failed": found.failed,
            "cut": any(reply.cut for _, reply in said),
            "error": error,
            "weight": found.weight,
            "weights": list(found.weights.items()),
            "values": list(found.values.items()),
            "extracted": found.extracted,
            "answer": record.choices[record.answer] if record.answer is not None else record.text or None,
            "choices": list(record.choices),
            "why": found.why,
            "question": str(record.meta.get("question") or (prompt[-1].text if prompt else record.text)),
            "prompt": _turns(prompt),
            "replies": [_reply(request, reply, prompt) for request, reply in said],
        }


def portable(settings: Any) -> Any:
    """Take the places of this machine out of settings."""
    if isinstance(settings, dict):
        return {name: portable(value) for name, value in settings.items()}
    return Path(settings).name if isinstance(settings, str) and settings.startswith(os.sep) else settings


def _turns(prompt: Any) -> list[dict[str, str]]:
    return [{"role": turn.role, "text": turn.text} for turn in prompt]


def _reply(request: Request, reply: Reply, prompt: Any) -> Row:
    return {
        "asked": request.text if isinstance(request, Scoring) else None,
        "prompt": _turns(request.prompt) if request.prompt != prompt else None,
        "text": reply.text,
        "logprob": reply.logprob,
        "tokens": reply.tokens,
        "prompt_tokens": reply.prompt_tokens,
        "cut": reply.cut,
        "greedy": reply.greedy,
        "error": reply.error,
    }
