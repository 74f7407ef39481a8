"""Your own choice questions: a JSON Lines, CSV or Parquet file, and which of its fields is what."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import field_validator

from lmloop.core.errors import DataError
from lmloop.core.outside import resolve
from lmloop.scoring.choice import Choice as ChoiceBenchmark
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows

LISTED = "{question}\n{options}Answer:"
ROLES = ("question", "choices", "answer", "subject", "cluster")


class Choice(ChoiceBenchmark):
    """Ask the questions of ``file``, with examples from the file ``examples`` (or from its own) where ``shots`` is set.

    Files are looked for beside the recipe, then in the data folder. ``columns`` says which fields of a row are what:
    ``question``; ``choices``, a list or the names of several fields; ``answer``, a letter, a number from 0, or the
    text of the right choice; and, where there are such, ``subject`` (averages are taken over it) and ``cluster``
    (what several questions share). ``template`` is the prompt, with ``{question}``, ``{options}`` and any other field
    of a row in braces; ``head`` stands before all examples. ``reply`` is what follows: `` {letter}``, or
    `` {choice}`` to compare whole answers.
    """

    source: ClassVar[Source] = Source("own", "your own", "your own file", {})
    forms: ClassVar[Mapping[str, Form]] = {"own": Form(LISTED, option="{letter}. {choice}\n", pick="fixed")}

    file: str = "questions.jsonl"
    examples: str = ""
    columns: Mapping[str, str | list[str]] = {}
    template: str = LISTED
    head: str = ""
    reply: str = " {letter}"

    @field_validator("file", "examples")
    @classmethod
    def _found(cls, name: str) -> str:
        return str(resolve(name)) if name and resolve(name).is_file() else name

    @field_validator("columns")
    @classmethod
    def _roles(cls, names: Mapping[str, str | list[str]]) -> Mapping[str, str | list[str]]:
        if unknown := set(names) - set(ROLES):
            raise ValueError(f"{', '.join(sorted(unknown))}: there are {', '.join(ROLES)}")
        return names

    def place(self) -> Source:
        """Give the place of the questions and, where there are such, of the examples."""
        splits = {"test": (self.file,), **({"shots": (self.examples,)} if self.examples else {})}
        return replace(self.source, splits=splits)

    def paths(self, split: str) -> list[Path]:
        """Find a file beside the recipe, or in the data folder."""
        (name,) = self.place().splits[split]
        return [Path(name)] if Path(name).is_file() else super().paths(split)

    def reading(self) -> dict[str, Any]:
        """Name the fields that are read."""
        return {"columns": self.columns}

    def form(self) -> Form:
        """Give the form that is set here."""
        form = super().form()
        metric = "acc_norm" if "{choice}" in self.reply and form.by == "likelihood" else "acc"
        return replace(form, item=self.template, header=self.head, answer=self.reply, metric=metric)

    def identity(self) -> dict[str, Any]:
        """Tell its results from another's: what its files hold counts, where they lie does not."""
        names = {"file": Path(self.file).name, "examples": Path(self.examples).name}
        return {**super().identity(), **names}

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges, and of which file."""
        return {**super().protocol(), "file": Path(self.file).name}

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read the rows of a file."""
        for number, row in enumerate(read_rows(path), 1):
            choices = self._choices(row)
            answer = _place(row[self._name("answer")], choices)
            if answer is None:
                raise DataError(
                    f"{path}:{number}: the answer {row[self._name('answer')]!r} is none of {len(choices)} choices",
                    hint="an answer is a letter, a number from 0, or the text of a choice",
                )
            fields = {str(key): str(value) for key, value in row.items() if value is not None}
            fields["question"] = str(row[self._name("question")])
            group, cluster = (str(row.get(self._name(role)) or "") for role in ("subject", "cluster"))
            yield Item(fields, choices, answer, group=group, cluster=cluster)

    def _name(self, role: str) -> str:
        name = self.columns.get(role, role)
        return name if isinstance(name, str) else name[0]

    def _choices(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        names = self.columns.get("choices", "choices")
        found = row[names] if isinstance(names, str) else [row[name] for name in names if row.get(name)]
        return tuple(map(str, found.values() if isinstance(found, dict) else found))

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few questions."""
        row = '{"question": "%d加1等于多少？", "choices": ["%d", "%d"], "answer": "B", "subject": "算术"}\n'
        return {"questions.jsonl": "".join(row % (n, n, n + 1) for n in range(4)).encode()}


def _place(answer: Any, choices: tuple[str, ...]) -> int | None:
    said = str(answer).strip()
    if said in choices:
        return choices.index(said)
    if said.isdigit():
        return int(said) if int(said) < len(choices) else None
    letter = ord(said.upper()) - ord("A") if len(said) == 1 else -1
    return letter if 0 <= letter < len(choices) else None
