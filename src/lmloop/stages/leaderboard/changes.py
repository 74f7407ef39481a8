"""Two runs of scores: in what they were asked otherwise, and which items changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lmloop.core.card import Card
from lmloop.core.plan import differences
from lmloop.core.scores import Score
from lmloop.scoring.differences import Difference, holm
from lmloop.stages.leaderboard.gathering import Board, Cell, Column, common, gather
from lmloop.stages.leaderboard.ranking import compared

READ = ("record", "group", "question", "answer", "extracted", "value")


@dataclass(frozen=True, slots=True)
class Changed:
    """What a model and a task have in two runs.

    ``why`` says in what they were asked otherwise, or that it is another model; ``difference`` is that of the items
    that both runs graded, ``holm`` its p corrected for all that is compared; ``samples`` are items before and after.
    """

    model: str
    task: str
    before: Score
    after: Score
    why: tuple[str, ...]
    difference: Difference
    holm: float
    samples: tuple[tuple[dict[str, Any], dict[str, Any]], ...]


def are_scores(*cards: Card) -> bool:
    """Whether all of some runs hold scores of an evaluation."""
    return all(card.use == "evaluate" and card.makes == "scores" for card in cards)


def changes(before: Path, after: Path, samples: int = 3) -> list[Changed]:
    """Compare what both runs have: models by name, or the only ones, and tasks by name, or the only ones of a kind."""
    boards = gather([before]), gather([after])
    pairs = list(_pairs(*boards))
    found = [compared(first, second) for _, _, first, second in pairs]
    return [
        Changed(
            *_names(first_key, second_key),
            first.whole,
            second.whole,
            tuple(_why(boards, first_key, second_key)),
            difference,
            p,
            _samples(first, second, samples),
        )
        for (first_key, second_key, first, second), difference, p in zip(
            pairs, found, holm([each.p for each in found]), strict=True
        )
    ]


Key = tuple[str, Column]


def _pairs(before: Board, after: Board) -> Iterator[tuple[Key, Key, Cell, Cell]]:
    only = len(before.models) == len(after.models) == 1
    for name in before.models:
        other = next(iter(after.models)) if only else name
        for column in before.columns:
            twin = _twin(column, before, after)
            if twin and (name, column.name) in before.cells and (other, twin.name) in after.cells:
                yield (
                    (name, column),
                    (other, twin),
                    before.cells[name, column.name],
                    after.cells[other, twin.name],
                )


def _twin(column: Column, before: Board, after: Board) -> Column | None:
    """Find the column of the other run that is the same task: by its name, or as the only one of its kind."""
    if named := [other for other in after.columns if other.name == column.name]:
        return named[0]
    alike = [other for other in after.columns if other.asked.task == column.asked.task]
    mine = [other for other in before.columns if other.asked.task == column.asked.task]
    return alike[0] if len(alike) == len(mine) == 1 else None


def _names(first: Key, second: Key) -> tuple[str, str]:
    models = [first[0], second[0]]
    tasks = [first[1].name, second[1].name]
    return tuple(" -> ".join(dict.fromkeys(names)) for names in (models, tasks))  # type: ignore[return-value]


def _why(boards: tuple[Board, Board], first: Key, second: Key) -> Iterator[str]:
    models = boards[0].models[first[0]], boards[1].models[second[0]]
    asked = first[1].asked, second[1].asked
    if models[0].fingerprint != models[1].fingerprint:
        told = differences(dict(models[0].settings), dict(models[1].settings), "model")
        yield from told or [f"model: {models[0].fingerprint[:12]} -> {models[1].fingerprint[:12]}"]
    protocol = differences(dict(asked[0].protocol), dict(asked[1].protocol))
    yield from protocol
    data = [task.data.get("digest") for task in asked]
    if data[0] != data[1] and not any(line.startswith("data:") for line in protocol):
        yield f"data: {data[0]} -> {data[1]}"
    if not protocol and asked[0].data.get("requests") != asked[1].data.get("requests"):
        yield "the words of the prompts, and nothing that the protocol tells"


def _samples(first: Cell, second: Cell, count: int) -> tuple[tuple[dict[str, Any], dict[str, Any]], ...]:
    """Give some items whose verdict changed, spread over all of them."""
    mine, theirs = (side.to_numpy() for side in common(first, second))
    values = [
        cell.column("value").take(pa.array(places)).to_numpy() for cell, places in ((first, mine), (second, theirs))
    ]
    moved = np.flatnonzero(values[0] != values[1])
    if len(moved) > count:
        moved = moved[(np.arange(count) * len(moved)) // max(count, 1)]
    sides = (
        cell.source.items.rows((cell.places.start + places[moved]).tolist(), READ)
        for cell, places in ((first, mine), (second, theirs))
    )
    return tuple(zip(*sides, strict=True))
