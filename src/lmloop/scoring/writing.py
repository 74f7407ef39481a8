"""Benchmarks whose replies are written and then judged: one reply to an item, or several."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from lmloop.core.model import Generates, Reply, Request, Sampling, Writing
from lmloop.core.record import Record
from lmloop.core.task import Grade
from lmloop.scoring.benchmark import Benchmark
from lmloop.scoring.form import Form
from lmloop.scoring.written import after_thinking

CUT_OFF = "the reply was cut off while it was still thinking"


class Written(Benchmark):
    """A benchmark whose replies are written; of several to one item, values are means."""

    needs: ClassVar[tuple[type, ...]] = (Generates,)

    max_tokens: PositiveInt | None = Field(None, description="the longest reply; else the profile's")

    def form(self) -> Form:
        """Give the form that items are put in, with the length of replies that is set."""
        form = super().form()
        return form if self.max_tokens is None else replace(form, max_tokens=self.max_tokens)

    def draws(self) -> tuple[int, float]:
        """Say how many replies there are to each item, and how freely they are drawn."""
        return 1, 0.0

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges."""
        samples, temperature = self.draws()
        return {**super().protocol(), "samples": samples, "temperature": temperature}

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask for as many replies as are wanted, each of its own seed."""
        if said:
            return []
        return [Writing(record.prompt, self.sampling(record, number)) for number in range(self.draws()[0])]

    def sampling(self, record: Record, number: int) -> Sampling:
        """Say how one reply is drawn."""
        form = self.form()
        return Sampling(form.max_tokens, self.draws()[1], stop=form.stop, seed=self.seed + number)

    @abstractmethod
    def mark(self, record: Record, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Judge one reply, without its thinking: the values, what was extracted of it (None: nothing), and why."""

    def missed(self) -> Mapping[str, float]:
        """Give the values of a reply in which there is nothing to judge: 0 of each metric, unless a task says else."""
        return {metric.name: 0.0 for metric in self.metrics}

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Judge all replies to an item; one that never came has no value, one cut off while thinking has 0."""
        if lost := next((reply.error for reply in said if reply.error), ""):
            return self.graded(record, {}, None, lost)
        judged = [self._mark(record, reply) for reply in said]
        names = dict.fromkeys(name for values, _, _ in judged for name in values)
        values = {name: _mean([values[name] for values, _, _ in judged if name in values]) for name in names}
        extracted = [found for _, found, _ in judged]
        first = next((found for found in extracted if found is not None), None)
        return self.graded(record, values, first, "\n".join(dict.fromkeys(why for _, _, why in judged if why)))

    def graded(self, record: Record, values: Mapping[str, float], extracted: str | None, why: str) -> Grade:
        """Make the grade of a record, in its group and its cluster; nothing extracted is a failure."""
        group, cluster = str(record.meta.get("subject", "")), str(record.meta.get("cluster", ""))
        return Grade(record.id, values, why, extracted, extracted is None, group, cluster)

    def _mark(self, record: Record, reply: Reply) -> tuple[Mapping[str, float], str | None, str]:
        said = after_thinking(reply.text)
        return (self.missed(), None, CUT_OFF) if said is None else self.mark(record, said)


class Sampled(Written):
    """A benchmark of written replies of which there may be several to an item, drawn at a temperature."""

    samples: PositiveInt = Field(1, description="how many replies to each item")
    temperature: NonNegativeFloat = Field(0.0, description="how freely replies are drawn; several need more than 0")

    @model_validator(mode="after")
    def _drawn(self) -> "Sampled":
        if self.samples > 1 and not self.temperature:
            raise ValueError("several samples of temperature 0 are all the same: set temperature")
        return self

    def draws(self) -> tuple[int, float]:
        """Say how many replies there are to each item, and how freely they are drawn."""
        return self.samples, self.temperature


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
