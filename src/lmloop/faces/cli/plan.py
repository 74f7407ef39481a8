"""``lmloop plan``: what a run would do."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmloop.faces.options import HOME, JSON, RECIPE, SETS
from lmloop.faces.recipes import read_recipe
from lmloop.faces.terminal import columns, console, line, paragraph, print_json
from lmloop.faces.verb import Verb

if TYPE_CHECKING:
    from lmloop.core.plan import Planned
    from lmloop.core.recipe import Recipe

STYLES = {"kept": "dim", "make": "bold green", "resume": "bold yellow", "damaged": "bold red"}


@click.command(
    "plan",
    cls=Verb,
    section="Recipes and runs",
    examples=(
        "lmloop plan quickstart",
        "lmloop plan mine.toml --set clean.ops.length.min_characters=50",
        "lmloop plan mine.toml --json",
    ),
)
@RECIPE
@SETS
@HOME
@JSON
def verb(recipe: str, sets: tuple[str, ...], home: Path, as_json: bool) -> None:
    """Show what a run would make and keep, and why; run nothing.

    A step is kept where nothing that it is made of has changed: its settings, the seed, the content of the
    files it reads, and the same of all steps before it.
    """
    checked = read_recipe(recipe, sets)
    steps = _plan(checked, home)
    if as_json:
        print_json([_row(step) for step in steps])
        return
    _show(steps)


def _plan(recipe: "Recipe", home: Path) -> "list[Planned]":
    """Plan with the catalogue that is there; a home that is not there yet is not made."""
    from tempfile import TemporaryDirectory

    from lmloop.core.plan import plan
    from lmloop.core.run import STORE, adopt
    from lmloop.core.store import Store

    if home.is_dir():
        with Store(home / STORE) as store:
            adopt(home, store)
            return plan(recipe, home, store)
    with TemporaryDirectory() as nowhere, Store(Path(nowhere) / STORE) as store:
        return plan(recipe, home, store)


def _row(step: "Planned") -> dict[str, Any]:
    return {
        "id": step.wired.id,
        "use": step.wired.step.name(),
        "from": list(step.wired.wires),
        "folder": step.folder,
        "state": step.state,
        "why": step.why,
    }


def _show(steps: "Sequence[Planned]") -> None:
    out = console()
    rows = [
        (step.state, step.wired.id, step.wired.step.name(), ", ".join(step.wired.wires) or "-", step.folder)
        for step in steps
    ]
    head, *lines = columns([("state", "step", "use", "from", "folder"), *rows])
    line(out, head, "dim")
    indent = head.index("step")
    for step, text in zip(steps, lines, strict=True):
        line(out, text, STYLES[step.state])
        if step.state != "kept":
            paragraph(out, step.why, indent=indent)
    counts = Counter[str](step.state for step in steps)
    words = {"kept": "kept", "make": "to make", "resume": "to finish", "damaged": "damaged, to make again"}
    told = ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])
    out.print()
    line(out, told)
