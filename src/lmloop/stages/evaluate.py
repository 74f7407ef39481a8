"""Evaluate: bring tasks to a model, and keep every grade."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

from pydantic import Field, PositiveInt

from lmloop.core.asking import ask
from lmloop.core.draft import draft
from lmloop.core.model import Model
from lmloop.core.record import Record
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.task import AnyTask, Grade, Task
from lmloop.core.weights import open_model
from lmloop.report import blocks

GRADES = "grades.jsonl"


class Evaluate(Step):
    """Ask each model that is read all questions of ``tasks``, in batches of ``batch``, and grade the replies.

    Every single grade with its reason lies in ``grades.jsonl``, so that a score can be looked into.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("weights",)
    makes: ClassVar[Kind] = "scores"

    tasks: list[AnyTask] = Field(min_length=1)
    batch: PositiveInt = 64

    @classmethod
    def example(cls) -> "Evaluate":
        """Give one with the toy task."""
        return cls.model_validate({"tasks": ["spelling"]})

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Grade every model on every task."""
        scores: dict[str, dict[str, float]] = {}
        with draft(out / GRADES) as place, place.open("w", encoding="utf-8") as file:
            for item in inputs:
                model = open_model(item.path)
                scores[item.id] = {}
                for task in self.tasks:
                    grades = list(_grades(task, model, self.batch))
                    for grade in grades:
                        row = {
                            "model": item.id,
                            "task": task.name(),
                            "record": grade.record,
                            "value": grade.value,
                            "why": grade.why,
                        }
                        file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    scores[item.id][task.name()] = sum(grade.value for grade in grades) / max(len(grades), 1)
        blocks.write(out / BLOCKS, [_chart(scores, [task.name() for task in self.tasks])])
        return {f"{model}/{task}": round(value, 6) for model, row in scores.items() for task, value in row.items()}


def _grades(task: Task, model: Model, size: int) -> Iterator[Grade]:
    questions = iter(task.questions())
    while batch := _next(questions, size):
        yield from task.grades(list(zip(batch, ask(task, model, batch), strict=True)))


def _next(questions: Iterator[Record], size: int) -> Sequence[Record]:
    return list(islice(questions, size))


def _chart(scores: Mapping[str, Mapping[str, float]], tasks: Sequence[str]) -> blocks.Block:
    series = tuple(blocks.Series(model, tuple(row[task] for task in tasks)) for model, row in scores.items())
    return blocks.Bars("Scores: the share of right replies", tuple(tasks), series)
