"""Lineage: what a run came from, down to the input files, and what two runs differ in."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmloop.core.card import Card
from lmloop.core.errors import DataError, closest
from lmloop.core.plan import differences

RUN = "run:"
"""What the name of a run may begin with, so that it is not taken for the name of something else."""


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A run in a lineage: how many steps back, the wire that led there, and its card.

    ``card`` is None for a position in the event log, or for a folder that is gone.
    """

    depth: int
    wire: str
    folder: str
    card: Card | None


def find_run(home: Path, name: str) -> Path:
    """Find a run by folder, by path or by the name of its step (the newest of that name); all may begin with ``run:``.

    Raises:
        DataError: there is none.
    """
    name = name.removeprefix(RUN)
    for path in (home / name, Path(name)):
        if (path / "run.json").is_file():
            return path
    cards = finished(home)
    if named := [card.folder for card in cards if card.id == name]:
        return home / named[-1]
    known = {card.folder for card in cards} | {card.id for card in cards}
    raise DataError(f"there is no run {name!r} in {home}", hint=closest(name, known) or "lmloop list runs")


def find_part(home: Path, name: str) -> tuple[Path, str]:
    """Find a run as :func:`find_run` does, or one of the folders in it that are results themselves: ``STEP/NAME``.

    Raises:
        DataError: there is no such run, or it has no such part.
    """
    whole, _, part = name.rpartition("/")
    try:
        return find_run(home, name), ""
    except DataError:
        if not whole or whole == RUN:
            raise
    folder = find_run(home, whole)
    if not (folder / part).is_dir():
        inside = [path.name for path in folder.iterdir() if path.is_dir()]
        raise DataError(f"{folder.name} has no part {part!r}", hint=closest(part, inside))
    return folder, part


def finished(home: Path) -> list[Card]:
    """List the cards of all finished runs in the order in which they were made, oldest first.

    A folder that somebody renamed, or whose card cannot be read, is left out. Where two cards have the same number
    (two runs at once, or a catalogue that was lost), the clock decides.
    """
    found = ((path.parent.name, _card(path.parent)) for path in home.glob("*/run.json"))
    cards = [card for name, card in found if card is not None and card.folder == name]
    return sorted(cards, key=lambda card: (card.number, card.finished, card.folder))


def ancestors(home: Path, folder: Path) -> Iterator[Ancestor]:
    """Walk from a run down to where its data came from, depth first.

    A folder to which several wires lead is given each time, but walked from only once.
    """
    seen: set[str] = set()

    def walk(name: str, wire: str, depth: int) -> Iterator[Ancestor]:
        card = _card(home / name)
        yield Ancestor(depth, wire, name, card)
        if card is None or name in seen:
            return
        seen.add(name)
        for parent_wire, parent in card.parents.items():
            yield from walk(parent, parent_wire, depth + 1)

    card = Card.read(folder)
    seen.add(folder.name)
    yield Ancestor(0, card.id, folder.name, card)
    for wire, parent in card.parents.items():
        yield from walk(parent, wire, 1)


def compare(before: Card, after: Card) -> dict[str, list[str]]:
    """List what differs between two runs: settings, inputs and results, one line a difference."""
    inputs = differences(dict(before.parents), dict(after.parents))
    if before.seed != after.seed:
        inputs.append(f"seed: {before.seed} -> {after.seed}")
    if before.outside != after.outside:
        inputs.append("the files that were read differ")
    return {
        "settings": differences(before.settings, after.settings),
        "inputs": inputs,
        "results": [_change(name, before.metrics, after.metrics) for name in _changed(before, after)],
        "versions": differences(dict(before.versions), dict(after.versions)),
    }


def _changed(before: Card, after: Card) -> list[str]:
    names = sorted({*before.metrics, *after.metrics})
    return [name for name in names if before.metrics.get(name) != after.metrics.get(name)]


def _change(name: str, before: Any, after: Any) -> str:
    old, new = before.get(name, "none"), after.get(name, "none")
    both = isinstance(old, int | float) and isinstance(new, int | float)
    share = f" ({(new - old) / old:+.1%})" if both and old else ""
    return f"{name}: {old} -> {new}{share}"


def _card(folder: Path) -> Card | None:
    try:
        return Card.read(folder)
    except DataError:
        return None
