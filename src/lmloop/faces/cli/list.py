"""``lmloop list``: what there is."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from lmloop.faces.options import HOME, JSON
from lmloop.faces.recipes import first_words, shipped
from lmloop.faces.terminal import columns, console, line, main_numbers, print_json, when
from lmloop.faces.verb import Verb

PARTS = ("ops", "readers", "models", "tasks", "stages")
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
    """List parts that a recipe can name, recipes that come with lmloop, and runs.

    Without WHAT, list all of it.
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


def _runs(home: Path) -> list[dict[str, Any]]:
    return [
        {"folder": folder, "step": card.id, "use": card.use, "finished": card.finished, "metrics": dict(card.metrics)}
        for folder, card in _cards(home, lambda path: path)
    ]


def _cards(home: Path, name: Callable[[str], str]) -> list[tuple[str, Any]]:
    """Read the cards of all runs, the newest first; unfinished and damaged ones have none."""
    from lmloop.core.card import Card
    from lmloop.core.errors import DataError

    found = []
    for path in home.glob("*/run.json"):
        try:
            card = Card.read(path.parent)
        except DataError:
            continue
        if card.folder == path.parent.name:
            found.append((name(path.parent.name), card))
    return sorted(found, key=lambda pair: (pair[1].finished, pair[0]), reverse=True)
