"""Benchmarks whose replies another model judges; what people think of the judge comes first."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, cast

from pydantic import Field, PositiveInt

from lmloop.core.errors import DataError
from lmloop.core.model import Model, Reply
from lmloop.core.outside import OutsideFile
from lmloop.core.record import Record
from lmloop.core.task import Grade, Remark
from lmloop.core.weights import AnyModel
from lmloop.scoring.agreement import Agreement, agreement
from lmloop.scoring.judging import Template, Verdict, ask_judge, locked
from lmloop.scoring.tables import read_rows
from lmloop.scoring.writing import CUT_OFF, Sampled
from lmloop.scoring.written import after_thinking

Case: TypeAlias = tuple[Template, Mapping[str, str]]
"""What the judge is asked once: a template and what fills it."""

UNREAD = "the judge's verdict could not be read"


class Judged(Sampled):
    """A benchmark whose replies a ``judge`` judges, all at once; a verdict that cannot be read is no grade.

    ``labels`` is a file (JSON Lines, CSV) with people's verdicts on replies: the judge judges those, too, and how far
    it agrees stands before the scores. The judge, the digest of what it is asked, and ``repeats`` are part of the
    protocol.
    """

    templates: ClassVar[tuple[Template, ...]]

    judge: AnyModel = Field(description="the model that judges: toy, openai:MODEL@URL, ...")
    repeats: PositiveInt = Field(1, description="how often the judge is asked the same")
    labels: OutsideFile | None = Field(None, description="a file with people's verdicts: prompt, reply, label")

    @abstractmethod
    def cases(self, record: Record, said: Sequence[str]) -> list[Case]:
        """Say what the judge is asked about the replies to a record, which have no thinking in them any more."""

    @abstractmethod
    def verdict(self, record: Record, found: Sequence[Sequence[Verdict]]) -> Grade:
        """Make a grade of the verdicts on each case."""

    def labelled(self, row: Mapping[str, Any]) -> tuple[Case, str]:
        """Make a case of a row of ``labels``, with people's label."""
        fields = {"question": str(row["prompt"]), "answer": str(row["reply"])}
        return (self.template(fields["question"]), fields), str(row["label"])

    @abstractmethod
    def template(self, question: str) -> Template:
        """Choose the template that judges a reply to a question."""

    def label(self, verdict: Verdict) -> str:
        """Say a verdict as people's labels say it."""
        value = verdict.value
        return "unread" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

    def mark(self, record: Record, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Judge one reply alone."""
        grade = self.grade(record, [Reply(reply)])
        return grade.values, grade.extracted, grade.why

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Judge the replies to one record."""
        return self.grades([(record, said)])[0]

    def grades(self, asked: Sequence[tuple[Record, Sequence[Reply]]]) -> list[Grade]:
        """Judge the replies to all records."""
        texts = [[after_thinking(reply.text) for reply in said] for _, said in asked]
        cases: list[list[Case]] = []
        for (record, said), parts in zip(asked, texts, strict=True):
            whole = [text for text in parts if text is not None]
            fit = len(whole) == len(parts) and not any(reply.error for reply in said)
            cases.append(self.cases(record, whole) if fit else [])
        found = iter(ask_judge(self.the_judge(), [case for several in cases for case in several], self.repeats))
        grades = []
        for (record, said), several in zip(asked, cases, strict=True):
            verdicts = [next(found) for _ in several]
            lost = next((reply.error for reply in said if reply.error), "")
            if several:
                grades.append(self.verdict(record, verdicts))
            else:
                grades.append(self.graded(record, {} if lost else self.missed(), None, lost or CUT_OFF))
        return grades

    def the_judge(self) -> Model:
        """Give the judge as what it is: a model."""
        return cast(Model, self.judge)

    def unread(self, record: Record, found: Sequence[Sequence[Verdict]]) -> Grade:
        """Make the grade of a record whose verdicts cannot be read: it has no values, and so changes no mean."""
        reason = next((verdict.reason for verdicts in found for verdict in verdicts), "")
        return self.graded(record, {}, None, f"{UNREAD}: {reason}")

    def remarks(self, grades: Sequence[Grade]) -> list[Remark]:
        """Say how far the judge agrees with people, where their labels are given, and how often it cannot be read."""
        unread = sum(grade.why.startswith(UNREAD) for grade in grades)
        told = Remark("The judge", ("replies", "unread verdicts"), ((len(grades), unread),))
        return [*([agreed(self.agreement())] if self.labels else []), told]

    def agreement(self) -> Agreement:
        """Let the judge judge what people have judged.

        Raises:
            DataError: the file of labels lacks a column.
        """
        assert self.labels is not None
        try:
            known = [self.labelled(row) for row in read_rows(self.labels.path)]
        except KeyError as bad:
            raise DataError(f"{self.labels} has a row without {bad}", hint="a row is: prompt, reply, label") from None
        found = ask_judge(self.the_judge(), [case for case, _ in known])
        return agreement([label for _, label in known], [self.label(verdicts[0]) for verdicts in found])

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges, the judge's own prompts by their digest."""
        judge = {
            "model": self.judge.identity(),
            "prompts": locked(self.asked_of_judge()),
            "repeats": self.repeats,
        }
        return {**super().protocol(), "judge": judge}

    def asked_of_judge(self) -> tuple[Template, ...]:
        """List the templates that the judge may be asked with."""
        return self.templates


def agreed(found: Agreement) -> Remark:
    """Show an agreement: people's labels down, the judge's across."""
    rows: tuple[tuple[str | int, ...], ...] = tuple(
        (one, *(found.counts.get((one, other), 0) for other in found.labels)) for one in found.labels
    )
    note = (
        f"Of {found.total} labels of people the judge agrees with {found.accuracy:.1%}; Cohen's kappa "
        f"{found.kappa:.3f}, with quadratic weights {found.weighted:.3f} (1: always, 0: as chance would)."
    )
    return Remark("The judge and people", ("people \\ judge", *found.labels), rows, note)
