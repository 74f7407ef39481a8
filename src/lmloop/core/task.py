"""A task: questions, a way to ask them, and a way to grade the replies.

The same object evaluates a model, gives training rows and gives rewards.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, SerializeAsAny

from lmloop.core.part import Part, build
from lmloop.core.record import Record


@dataclass(frozen=True, slots=True)
class Grade:
    """One verdict: which record, a value between 0 and 1, and why."""

    record: str
    value: float
    why: str = ""


class Task(Part):
    """Questions and a grader; the model is brought to it. ``needs`` names the powers it asks for."""

    needs: ClassVar[tuple[type, ...]] = ()

    @abstractmethod
    def questions(self) -> Iterator[Record]:
        """Stream what is asked."""

    @abstractmethod
    def grade(self, model: Any, batch: Sequence[Record]) -> list[Grade]:
        """Ask the model and judge what it says: one grade a record, in order."""


AnyTask = Annotated[SerializeAsAny[Task], BeforeValidator(lambda spec: build("tasks", spec))]
"""A setting that holds a task: a recipe names it, or gives a table with ``use``."""
