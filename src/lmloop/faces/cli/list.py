"""``lmloop list``: what there is."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmloop.faces.options import HOME, JSON
from lmloop.faces.recipes import first_words, shipped
from lmloop.faces.terminal import columns, console, line, main_numbers, print_json, when
from lmloop.faces.verb import Verb

if TYPE_CHECKING:
    from lmloop.core.card import Card

PARTS = ("ops", "readers", "models", "tasks", "methods", "stages")
EVERYTHING = (*PARTS, "recipes", "runs")


@click.command(
    "list",
    cls=Verb,
    section="Recipes and runs",
    examples=(
        "lmloop list                                 # all of it",
        "lmloop list ops",
        "lmloop list runs                            # newest first",
        "lmloop list runs --json",
    ),
)
@click.argument("what", type=click.Choice(EVERYTHING), required=False)
@HOME
@JSON
def verb(what: str | None, home: Path, as_json: bool) -> None:
    """List parts, recipes and runs.

    WHAT is a kind of part that a recipe can name, the recipes that come with lmloop, or the runs; without it, all.
    """
    wanted = (what,) if what else EVERYTHING
    if as_json:
        found = {kind: _runs(home) if kind == "runs" else _described(kind) for kind in wanted}
        print_json(found[what] if what else found)
        return
    for place, kind in enumerate(wanted):
        if not what:
            line(console(), ("\n" if place else "") + kind, "bold")
        (_show_runs if kind == "runs" else _show_described)(kind, home, 0 if what else 2)


def _described(kind: str) -> Mapping[str, str]:
    from lmloop.core.listing import described

    return {name: first_words(path) for name, path in shipped().items()} if kind == "recipes" else described(kind)


def _show_described(kind: str, home: Path, indent: int) -> None:
    rows = list(_described(kind).items())
    for text in columns(rows) if rows else ["none yet"]:
        line(console(), text, "" if rows else "dim", indent)


def _show_runs(kind: str, home: Path, indent: int) -> None:
    out, cards = console(), _cards(home)
    rows = [(card.folder, card.use, when(card), main_numbers(card.metrics)) for card in cards]
    for text in columns(rows) if rows else [f"none yet in {home}"]:
        line(out, text, "" if rows else "dim", indent)
    for begun in sorted(home.glob("*.part")):
        line(out, f"{begun.name.removesuffix('.part')}  was begun and not finished", "yellow", indent)
    for damaged in sorted(home.glob("*.damaged-*")):
        line(out, f"{damaged.name}  was moved aside", "red", indent)


def _runs(home: Path) -> list[dict[str, Any]]:
    return [
        {
            "folder": card.folder,
            "step": card.id,
            "use": card.use,
            "finished": card.finished,
            "metrics": dict(card.metrics),
        }
        for card in _cards(home)
    ]


def _cards(home: Path) -> "list[Card]":
    """Read the cards of all finished runs, the newest first."""
    from lmloop.core.card import Card
    from lmloop.core.errors import DataError

    found = []
    for path in sorted(home.glob("*/run.json"), key=lambda card: -card.stat().st_mtime_ns):
        try:
            card = Card.read(path.parent)
        except DataError:
            continue
        if card.folder == path.parent.name:
            found.append(card)
    return found
