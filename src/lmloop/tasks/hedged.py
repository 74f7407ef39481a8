"""Hedged: questions whose answers may be hedged or withheld; each outcome has a reward of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from lmloop.core.outside import resolve
from lmloop.core.task import Metric
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.honesty import ORDER, Rewards, outcome
from lmloop.scoring.sureness import is_right
from lmloop.scoring.tables import read_rows
from lmloop.scoring.writing import Written


class Hedged(Written):
    """Ask the questions of ``file`` (rows with ``question`` and ``answer``) and reward each reply by what comes of it.

    A reply is ``right`` where it holds the answer, ``hedged_right`` where it also says that it is not sure, ``silent``
    where it only says that it does not know, ``hedged_wrong`` or ``wrong``: told apart by rule, in English and
    Chinese. The score is the reward, so that ``grpo`` can learn from it where to draw the line; the step ``hedging``
    prints where the line of a table of rewards lies. Beside it stand the shares of the five outcomes. ``template`` is
    the prompt.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reward", most=None),
        *(Metric(name, name != "wrong") for name in ORDER),
    )
    source: ClassVar[Source] = Source("own", "your own", "your own file", {})
    forms: ClassVar[Mapping[str, Form]] = {"own": Form("", " {target}", by="writing", pick="fixed", max_tokens=64)}

    file: str = "questions.jsonl"
    template: str = "{question}\n"
    stop: list[str] = Field([], description="texts that end a reply; none for its own end")
    rewards: dict[str, float] = Field(
        {}, description="the reward of each outcome that is to differ from 1, 0.5, 0, -2, -4"
    )

    @field_validator("file")
    @classmethod
    def _found(cls, name: str) -> str:
        return str(resolve(name)) if resolve(name).is_file() else name

    @field_validator("rewards")
    @classmethod
    def _outcomes(cls, rewards: dict[str, float]) -> dict[str, float]:
        for name in rewards:
            if name not in ORDER:
                raise ValueError(f"there is no outcome {name!r}; there are {', '.join(ORDER)}")
        return rewards

    def place(self) -> Source:
        """Give the place of the questions."""
        return replace(self.source, splits={"test": (self.file,)})

    def paths(self, split: str) -> list[Path]:
        """Find the file beside the recipe, or in the data folder."""
        return [Path(self.file)] if Path(self.file).is_file() else super().paths(split)

    def form(self) -> Form:
        """Give the form that is set here."""
        return replace(super().form(), item=self.template, stop=tuple(self.stop))

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read the rows of the file."""
        for row in read_rows(path):
            answers = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
            fields = {str(key): str(value) for key, value in row.items() if value is not None}
            group = str(row.get("subject") or "")
            yield Item(fields, target=str(answers[0]), group=group, more={"answers": [str(each) for each in answers]})

    def identity(self) -> dict[str, Any]:
        """Tell its results from another's: what the file holds counts, where it lies does not."""
        return {**super().identity(), "file": Path(self.file).name}

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges."""
        return {**super().protocol(), "rewards": {name: self._table().of(name) for name in ORDER}}

    def mark(self, record: Any, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Sort a reply, and give its reward."""
        found = outcome(reply, is_right(reply, record.meta["answers"]))
        shares: dict[str, float] = {name: float(name == found) for name in ORDER}
        return {"reward": self._table().of(found), **shares}, reply.strip() or None, found

    def _table(self) -> Rewards:
        return Rewards(**self.rewards)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few questions."""
        row = '{"question": "%d加1等于多少？", "answer": "%d", "subject": "算术"}\n'
        return {"questions.jsonl": "".join(row % (n, n + 1) for n in range(4)).encode()}
