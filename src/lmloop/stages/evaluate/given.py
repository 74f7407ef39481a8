"""Questions that a step made: records with choices, put to a model as they are."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import PrivateAttr

from lmloop.core.engine.shards import read_records
from lmloop.core.errors import DataError
from lmloop.core.model import Reply, Request, Scores, Scoring
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric, Task
from lmloop.scoring.likelihood import Scored, choice_values, picks

METRICS = ("acc_norm", "acc", "acc_bytes", "brier")


class Given(Task):
    """Ask the records of a run that have choices and an answer: which choice is likeliest after the prompt?

    The prompt is a conversation, so that a model with a chat template hears it as one. Averages are taken over the
    ``task`` that a record's ``meta`` names, if any.
    """

    needs: ClassVar[tuple[type, ...]] = (Scores,)
    metrics: ClassVar[tuple[Metric, ...]] = (
        *(Metric(name) for name in METRICS[:-1]),
        Metric("brier", higher=False, most=2.0),
    )

    _records: list[Record] = PrivateAttr(default_factory=list)

    @classmethod
    def of(cls, folder: Path) -> "Given":
        """Read the questions of a run's folder.

        Raises:
            DataError: it has none.
        """
        task = cls()
        found = (record for record in read_records([folder]) if record.choices and record.answer is not None)
        task._records.extend(found)
        if not task._records:
            raise DataError(f"{folder.name} holds no questions: records with choices and an answer")
        return task

    def questions(self) -> Iterator[Record]:
        """Give the records as they are."""
        yield from self._records

    def measures(self) -> tuple[Metric, ...]:
        """Name its metrics: guessing is right as often as there are few choices."""
        chance = sum(1 / len(record.choices) for record in self._records) / max(len(self._records), 1)
        return tuple(replace(metric, chance=chance) if metric.higher else metric for metric in self.metrics)

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask how likely each choice is."""
        return [] if said else [Scoring(record.prompt, choice) for choice in record.choices]

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """See whether the likeliest choice is the right one."""
        group = str(record.meta.get("task", ""))
        if lost := next((reply.error for reply in said if reply.error), ""):
            return Grade(record.id, why=lost, failed=True, group=group)
        options = [
            Scored(choice, reply.logprob if reply.logprob is not None else float("-inf"), reply.tokens)
            for choice, reply in zip(record.choices, said, strict=True)
        ]
        values = choice_values(options, [record.answer or 0])
        taken = picks(options)[METRICS[0]]
        why = ", ".join(f"{option.logprob:.2f}" for option in options)
        cluster = str(record.meta.get("source", ""))
        return Grade(
            record.id, {name: values[name] for name in METRICS}, why, record.choices[taken], False, group, cluster
        )
