"""The battery for tasks."""

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path

from lmloop.core.asking import ask
from lmloop.core.model import Done, Model, Prompt, Reply, Sampling
from lmloop.core.task import Grade, Task
from lmloop.scoring.data import data_in
from lmloop.testing.parts import blaming, check_part

MOST_QUESTIONS = 8
"""So many questions are put to the toy model."""


class Parrot:
    """A model with all three powers and no sense: it says the last turn again."""

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        """Say the last turn of each prompt again."""
        return [Reply(prompt[-1].text if prompt else "", tokens=1) for prompt in prompts]

    def score(self, pairs: Sequence[tuple[Prompt, str]], done: Done | None = None) -> list[Reply]:
        """Find longer texts less likely."""
        return [Reply(text, logprob=-float(len(text)), greedy=False) for _, text in pairs]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Place each text by its length."""
        return [[float(len(text)), 1.0] for text in texts]


def check_task(task: Task, model: Model | None = None) -> None:
    """Run the battery on a task, with a toy model unless one is given.

    It must be documented and made again from its own settings; ask the same questions each time, under names of
    their own; need no end of rounds; and give one grade for each question, in order, the same each time, with no
    metric but those that the task names, each a finite number. A task that names no data folder reads its example
    files.
    """
    with tempfile.TemporaryDirectory() as folder, _example_files(task, Path(folder)):
        check_part(task, "tasks")
        _check_task(task, model or Parrot())


@contextmanager
def _example_files(task: Task, folder: Path) -> Iterator[None]:
    """Let a task that names no data folder of its own read its example files."""
    files = {} if getattr(task, "data", None) else task.example_files()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with data_in(folder) if files else nullcontext():
        yield


def _check_task(task: Task, model: Model) -> None:
    name = task.name()
    missing = [power.__name__ for power in task.powers() if not isinstance(model, power)]
    assert not missing, f"{name}: it needs {', '.join(missing)}, which the model cannot"
    with blaming(task):
        _check_questions(name, task)
        _check_grades(name, task, model)


def _check_questions(name: str, task: Task) -> None:
    questions = list(task.questions())
    assert questions, f"{name}: it has no questions"
    assert questions == list(task.questions()), f"{name}: it asks other questions each time"
    ids = [question.id for question in questions]
    assert len(set(ids)) == len(ids), f"{name}: two questions have the same id"


def _check_grades(name: str, task: Task, model: Model) -> None:
    asked = list(islice(task.questions(), MOST_QUESTIONS))
    said = ask(task, model, asked)
    grades = task.grades(list(zip(asked, said, strict=True)))
    known = {metric.name for metric in task.metrics}
    assert known, f"{name}: it names no metric"
    assert len(grades) == len(asked), f"{name}: {len(grades)} grades for {len(asked)} questions"
    for question, grade in zip(asked, grades, strict=True):
        assert isinstance(grade, Grade), f"{name}: grade gives a {type(grade).__name__}, not a Grade"
        assert grade.record == question.id, f"{name}: grades are not in the order of the questions"
        assert set(grade.values) <= known, f"{name}: {set(grade.values) - known} is not among its metrics"
        assert all(map(math.isfinite, grade.values.values())), f"{name}: {dict(grade.values)} is not finite"
    again = task.grades(list(zip(asked, ask(task, model, asked), strict=True)))
    assert grades == again, f"{name}: the same replies get other grades"
