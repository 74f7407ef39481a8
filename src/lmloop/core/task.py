"""A task: questions, the requests that put them to a model, and the grades of the replies.

The same object evaluates a model, gives training rows and gives rewards. It never meets the model: it says what to
ask and judges what was said, so that replies can be kept, looked at and graded anew.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, SerializeAsAny

from lmloop.core.model import Reply, Request
from lmloop.core.part import Part, build
from lmloop.core.record import Record


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that a task gives: its name, whether more is better, and what guessing would give.

    ``least`` and ``most`` are the bounds of an item's value, within which intervals stay; None where it has none above.
    """

    name: str
    higher: bool = True
    chance: float = 0.0
    least: float = 0.0
    most: float | None = 1.0

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and the largest value of an item, where there are both."""
        return None if self.most is None else (self.least, self.most)


@dataclass(frozen=True, slots=True)
class Grade:
    """One verdict: of which record, the value of each metric that it has one of, and why.

    ``extracted`` is the answer that was found in the reply, and ``failed`` that none could be. ``group`` is what
    averages are taken over (a subject), ``cluster`` what several records share (a passage, a prompt), so that they
    are no independent samples; empty where there is none. ``weight`` is that of a weighted mean (bytes of a text), and
    ``weights`` has those of metrics that are weighed otherwise.
    """

    record: str
    values: Mapping[str, float] = field(default_factory=dict)
    why: str = ""
    extracted: str | None = None
    failed: bool = False
    group: str = ""
    cluster: str = ""
    weight: float = 1.0
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The first metric's value: what a training takes as the reward."""
        return next(iter(self.values.values()), 0.0)


@dataclass(frozen=True, slots=True)
class Remark:
    """What a reader must know before the scores, as a small table: how far a judge agrees with people, for one."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    note: str = ""


class Task(Part):
    """Questions and a grader. ``needs`` names the powers that it asks of a model; ``metrics`` begins with the chief."""

    needs: ClassVar[tuple[type, ...]] = ()
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("score"),)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give small files in the layout that it reads, for the battery; a task that reads no files has none."""
        return {}

    def measures(self) -> tuple[Metric, ...]:
        """Name its metrics, as it is set; most tasks have those of their class."""
        return self.metrics

    def powers(self) -> tuple[type, ...]:
        """Name the powers that it asks of a model, as it is set."""
        return self.needs

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges, as plain JSON: what two scores must share to be comparable.

        By default all that tells its results from another's.
        """
        return self.identity()

    @abstractmethod
    def questions(self) -> Iterator[Record]:
        """Stream what is asked, the same each time."""

    @abstractmethod
    def ask(self, record: Record, said: Sequence[Reply] = ()) -> Sequence[Request]:
        """Say what to ask a model about a record: first with nothing said, then with all replies so far.

        It is asked again and again until it gives nothing: most tasks give all in the first round.
        """

    @abstractmethod
    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Judge the replies to all that was asked about a record."""

    def grades(self, asked: Sequence[tuple[Record, Sequence[Reply]]]) -> list[Grade]:
        """Judge many records, in order; a task whose judge is a model asks it about all at once."""
        return [self.grade(record, said) for record, said in asked]

    def remarks(self, grades: Sequence[Grade]) -> list[Remark]:
        """Say what a reader must know before the scores, given all grades of one model; most tasks have nothing."""
        return []


AnyTask = Annotated[SerializeAsAny[Task], BeforeValidator(lambda spec: build("tasks", spec))]
"""A setting that holds a task: a recipe names it, or gives a table with ``use``."""
