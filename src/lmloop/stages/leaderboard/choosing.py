"""Choosing items to look at: of one model or two, right or wrong, of a group, with some words in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.errors import DataError, closest
from lmloop.core.items import GROUP
from lmloop.stages.leaderboard.gathering import Board, Cell, common

Which: TypeAlias = Literal["all", "right", "wrong", "failed", "cut", "error", "gained", "lost", "differ"]
EXCERPT = 160

Item = dict[str, Any]
Places: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which items of a column: ``other`` is a second model, on whom ``gained`` and ``lost`` look from the first.

    Of two models, ``gained`` are items on which the second is better, ``lost`` those on which it is worse.
    """

    column: str
    model: str
    other: str = ""
    which: str = "all"
    group: str = ""
    find: str = ""
    start: int = 0
    count: int = 50


def choose(board: Board, choice: Choice) -> dict[str, Any]:
    """List a page of items, a line each, and say how many there are.

    Raises:
        DataError: there is no such model, column or choice.
    """
    cell, other = _cell(board, choice.model, choice.column), None
    if choice.which not in get_args(Which):
        raise DataError(f"items cannot be chosen by {choice.which!r}", hint=closest(choice.which, get_args(Which)))
    if choice.other:
        other = _cell(board, choice.other, choice.column)
        mine, theirs = (side.to_numpy() for side in common(cell, other))
    else:
        mine = theirs = np.arange(len(cell.places))
    keep = _kept(cell, other, choice, mine, theirs)
    mine, theirs = mine[keep], theirs[keep]
    if choice.find:
        found = _finding(cell, mine, choice)
        mine, theirs = mine[found], theirs[found]
    page = slice(choice.start, choice.start + choice.count)
    rows = cell.source.items.rows([cell.places.start + int(place) for place in mine[page]], _LINE)
    lines = [{"verdicts": [_verdict(row)], **_line(row)} for row in rows]
    if other is not None:
        places = [other.places.start + int(place) for place in theirs[page]]
        for line, row in zip(lines, other.source.items.rows(places, _LINE), strict=True):
            line["verdicts"].append(_verdict(row))
    return {"total": len(mine), "start": choice.start, "items": lines}


def read(board: Board, column: str, record: str, models: Sequence[str]) -> list[Item]:
    """Give one item whole, as each of some models answered it.

    Raises:
        DataError: there is no such model, column or item.
    """
    found = []
    for model in models:
        cell = _cell(board, model, column)
        place = pc.index(cell.column("record"), pa.scalar(record, pa.string())).as_py()
        if place < 0:
            raise DataError(f"{column} has no item {record!r}")
        found.append({"model": model, **cell.source.items.rows([cell.places.start + place])[0]})
    return found


def samples(board: Board, column: str, count: int) -> list[Item]:
    """Choose items to show where there is no server: half of them such on which models differ, spread over all."""
    names = [model for model in board.models if (model, column) in board.cells]
    first = board.cells[names[0], column]
    values = np.full((len(names), len(first.places)), np.nan)
    where = np.zeros((len(names), len(first.places)), np.int64)
    for row, name in enumerate(names):
        cell = board.cells[name, column]
        mine, theirs = (side.to_numpy() for side in common(first, cell))
        values[row, mine] = cell.column("value").take(pa.array(theirs)).to_numpy()
        where[row, mine] = cell.places.start + theirs
    whole = np.flatnonzero(~np.isnan(values).any(axis=0))
    differ = np.ptp(values[:, whole], axis=0) > 0
    half = max(count // 2, count - int((~differ).sum()))
    chosen = np.sort(
        np.concatenate([_spread(whole[differ], half), _spread(whole[~differ], count - min(half, int(differ.sum())))])
    )
    rows = [board.cells[name, column].source.items.rows(where[row, chosen].tolist()) for row, name in enumerate(names)]
    return [_merged(names, side) for side in zip(*rows, strict=True)]


def _merged(names: Sequence[str], rows: Sequence[Item]) -> Item:
    """Put one item with all models' answers together: what they share is there once."""
    shared = ("record", "group", "question", "answer", "choices", "prompt")
    item = {name: rows[0][name] for name in shared}
    own = ("value", "values", "weights", "failed", "cut", "error", "extracted", "why", "replies")
    return {**item, "models": {name: {key: row[key] for key in own} for name, row in zip(names, rows, strict=True)}}


def _spread(places: Places, count: int) -> Places:
    if len(places) <= count:
        return places
    return places[(np.arange(count) * len(places)) // count]


def _cell(board: Board, model: str, column: str) -> Cell:
    if (model, column) not in board.cells:
        known = [name for name, other in board.cells if other == column] or [other for _, other in board.cells]
        raise DataError(f"{model!r} has no score in {column!r}", hint=closest(model, known))
    return board.cells[model, column]


def _kept(cell: Cell, other: Cell | None, choice: Choice, mine: Places, theirs: Places) -> npt.NDArray[np.bool_]:
    keep = np.ones(len(mine), bool)
    if choice.group:
        keep &= pc.equal(cell.column("group").take(pa.array(mine)), choice.group).to_numpy(zero_copy_only=False)
    if choice.which in ("failed", "cut"):
        keep &= cell.column(choice.which).take(pa.array(mine)).to_numpy(zero_copy_only=False)
    elif choice.which == "error":
        keep &= pc.not_equal(cell.column("error").take(pa.array(mine)), "").to_numpy(zero_copy_only=False)
    elif choice.which != "all":
        value = cell.column("value").take(pa.array(mine)).to_numpy(zero_copy_only=False).astype(float)
        if choice.which in ("right", "wrong"):
            keep &= value >= 0.5 if choice.which == "right" else value < 0.5
        elif other is None:
            raise DataError(f"{choice.which!r} compares two models", hint="choose a second one")
        else:
            second = other.column("value").take(pa.array(theirs)).to_numpy(zero_copy_only=False).astype(float)
            change = second - value
            keep &= {"gained": change > 0, "lost": change < 0, "differ": change != 0}[choice.which]
    return keep


def _finding(cell: Cell, places: Places, choice: Choice) -> Places:
    """Find the items whose question, replies or answer have some words; a group of rows is read at a time."""
    wanted = choice.find.lower()
    found = []
    for first in range(0, len(places), GROUP):
        some = places[first : first + GROUP]
        rows = cell.source.items.rows([cell.places.start + int(place) for place in some], _SEARCHED)
        found += [first + at for at, row in enumerate(rows) if wanted in _words(row)]
    return np.array(found, np.int64)


_LINE = ("record", "group", "question", "value", "failed", "cut", "error", "extracted", "answer")
_SEARCHED = ("record", "question", "extracted", "answer", "replies")


def _words(row: Mapping[str, Any]) -> str:
    return " ".join(_texts(row)).lower()


def _texts(row: Mapping[str, Any]) -> Iterator[str]:
    yield row["record"]
    yield from (row[name] for name in ("question", "extracted", "answer") if row[name])
    yield from (reply["text"] for reply in row["replies"] if reply["text"])


def _line(row: Mapping[str, Any]) -> Item:
    question = " ".join((row["question"] or "").split())
    return {"record": row["record"], "group": row["group"], "question": question[:EXCERPT], "answer": row["answer"]}


def _verdict(row: Mapping[str, Any]) -> Item:
    return {name: row[name] for name in ("value", "failed", "cut", "error", "extracted")}
