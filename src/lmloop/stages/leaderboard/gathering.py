"""Gathering: scores of several runs as one table of models and columns, a column for each task as it was asked.

Two scores stand in one column only if they were asked and judged alike, on the same questions.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.card import Card
from lmloop.core.errors import DataError
from lmloop.core.items import FILE, Items
from lmloop.core.plan import differences
from lmloop.core.scores import Asked, Rates, Score, Scores, Tested

WHOLE = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A run of scores: its card, what it found, and its item log."""

    path: Path
    card: Card
    scores: Scores
    items: Items

    @classmethod
    def read(cls, path: Path) -> "Source":
        """Read a run.

        Raises:
            DataError: it holds no scores, or no item log.
        """
        card, scores = Card.read(path), Scores.read(path)
        if not (path / FILE).is_file():
            hint = "models are compared question by question: name runs of the step evaluate"
            raise DataError(f"{path.name} has scores of the step {card.use}, and no questions", hint=hint)
        return cls(path, card, scores, Items(path / FILE))


@dataclass(frozen=True, slots=True)
class Column:
    """A task as it was asked: its name in the table, and in what it differs from others of the same task."""

    name: str
    asked: Asked
    differs: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """The chief metric."""
        return self.asked.chief

    @property
    def higher(self) -> bool:
        """Whether more is better."""
        return bool(self.asked.metrics[0]["higher"])

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and the largest value of an item, where there are both."""
        chief = self.asked.metrics[0]
        most = chief.get("most", 1.0)
        return None if most is None else (chief.get("least", 0.0), most)


@dataclass(frozen=True)
class Cell:
    """What one model has in one column, and where its items lie."""

    source: Source
    model: Tested
    task: str
    scores: tuple[Score, ...]
    rates: tuple[Rates, ...]

    @cached_property
    def whole(self) -> Score:
        """The chief metric over all items."""
        return next(score for score in self.scores if score.group == WHOLE and not score.macro)

    @cached_property
    def places(self) -> range:
        """The places of its items in the log."""
        rate = next(rate for rate in self.rates if rate.group == WHOLE)
        return range(rate.first, rate.first + rate.items)

    def column(self, name: str) -> pa.Array:
        """Give one of the narrow columns of its items."""
        return self.source.items.column(name).slice(self.places.start, len(self.places))


@dataclass(frozen=True, slots=True)
class Board:
    """Models, columns and cells; ``cells`` lacks what was not asked. ``beside`` are runs without a log of questions."""

    models: Mapping[str, Tested]
    columns: tuple[Column, ...]
    cells: Mapping[tuple[str, str], Cell] = field(default_factory=dict)
    beside: tuple[Path, ...] = ()

    def having(self, column: Column) -> list[str]:
        """List the models that have something in a column."""
        return [name for name in self.models if (name, column.name) in self.cells]


def gather(paths: Sequence[Path]) -> Board:
    """Put the scores of some runs in one table; the last of several equal ones counts.

    Runs without a log of questions (an arena's) stand beside it; alone, they make no table.

    Raises:
        DataError: one holds no scores, or there are none at all.
    """
    beside = tuple(path for path in paths if not (path / FILE).is_file())
    sources = [Source.read(path) for path in paths if path not in beside or len(beside) == len(paths)]
    columns = _columns([task for source in sources for task in source.scores.tasks])
    names = _names([(source, model) for source in sources for model in source.scores.models])
    models: dict[str, Tested] = {}
    cells: dict[tuple[str, str], Cell] = {}
    for source in sources:
        for model in source.scores.models:
            name = names[model.name, model.fingerprint]
            models[name] = model
            for task in source.scores.tasks:
                cell = _cell(source, model, task)
                if cell:
                    cells[name, columns[_identity(task)].name] = cell
    if not cells:
        raise DataError("there are no scores to show", hint="give runs of the step evaluate that have some")
    # where no question of a task got a reply, or none to a model, there is no score to show
    scored, asked = {name for name, _ in cells}, {column for _, column in cells}
    shown = {name: model for name, model in models.items() if name in scored}
    return Board(shown, tuple(column for column in columns.values() if column.name in asked), cells, beside)


def common(first: Cell, second: Cell) -> tuple[pa.Array, pa.Array]:
    """Find the items that both were graded on: their places in the one and in the other, counted from the first."""
    if first.column("record").equals(second.column("record")):
        places = pa.array(range(len(first.places)))
        other = places
    else:
        other = pc.index_in(first.column("record"), value_set=second.column("record"))
        places = pc.indices_nonzero(pc.is_valid(other)).cast(pa.int64())
        other = other.take(places)
    both = pc.and_(pc.is_valid(first.column("value").take(places)), pc.is_valid(second.column("value").take(other)))
    return places.filter(both), other.filter(both)


def _cell(source: Source, model: Tested, task: Asked) -> Cell | None:
    mine = [score for score in source.scores.scores if score.model == model.name and score.task == task.name]
    scores = tuple(score for score in mine if score.metric == task.chief)
    rates = tuple(rate for rate in source.scores.rates if rate.model == model.name and rate.task == task.name)
    return Cell(source, model, task.name, scores, rates) if scores else None


def _identity(task: Asked) -> str:
    return json.dumps([task.task, task.protocol, task.data.get("digest"), task.data.get("requests")], sort_keys=True)


def _columns(tasks: Sequence[Asked]) -> dict[str, Column]:
    """Make a column of each way in which each task was asked, and say in what those of one task differ."""
    ways = {_identity(task): task for task in tasks}
    found: dict[str, Column] = {}
    taken: set[str] = set()
    for identity, task in ways.items():
        others = [other for key, other in ways.items() if other.task == task.task and key != identity]
        differs = tuple(dict.fromkeys(line for other in others for line in _differing(other, task)))
        name = task.name if task.name not in taken else f"{task.name} ({_key(identity)})"
        if others and task.name == task.task:
            name = _told_apart(task, others)
            name = name if name not in taken else f"{name} {_key(identity)}"
        taken.add(name)
        found[identity] = Column(name, task, differs)
    return found


def _told_apart(task: Asked, others: Sequence[Asked]) -> str:
    keys = [key for key in task.protocol if any(other.protocol.get(key) != task.protocol[key] for other in others)]
    told = ", ".join(f"{key} {task.protocol[key]}" for key in keys if key not in ("data", "use", "version"))
    return f"{task.task} ({told[:60]})" if told else task.task


def _differing(before: Asked, after: Asked) -> list[str]:
    found = differences(dict(before.protocol), dict(after.protocol))
    # where the number of shots differs, so does, of course, what they are taken from
    found = [line for line in found if not line.startswith("pool:")] or found
    if before.data.get("digest") != after.data.get("digest") and not any(line.startswith("data:") for line in found):
        found.append(f"questions: {before.data.get('questions')} -> {after.data.get('questions')}, other content")
    if not found:
        found.append("the words of the prompts, and nothing that the protocol tells")
    return found


def _names(models: Sequence[tuple[Source, Tested]]) -> dict[tuple[str, str], str]:
    """Name each model; where two are called alike, with the run that they come from."""
    found: dict[tuple[str, str], str] = {}
    for source, model in models:
        key = (model.name, model.fingerprint)
        if key not in found:
            taken = model.name in found.values()
            found[key] = f"{model.name} ({model.folder or source.path.name})" if taken else model.name
    return found


def _key(identity: str) -> str:
    import hashlib

    return hashlib.blake2b(identity.encode(), digest_size=3).hexdigest()
