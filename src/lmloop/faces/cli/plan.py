"""``lmloop plan``: what a run would do."""

from collections import Counter
from collections.abc import Mapping, Sequence
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
    forecasts = _forecasts(steps, checked, home)
    if as_json:
        print_json([_row(step) | {"forecast": forecasts.get(step.wired.id, "")} for step in steps])
        return
    _show(steps, forecasts)


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


def _forecasts(steps: "Sequence[Planned]", recipe: "Recipe", home: Path) -> dict[str, str]:
    """Ask the steps that are to be made what they will cost, where their inputs are there."""
    from lmloop.core.errors import LmloopError
    from lmloop.core.recipe import split_wire
    from lmloop.core.step import Artifact, Context

    by_id = {step.wired.id: step for step in steps}
    found = {}
    for step in steps:
        wires = [(by_id.get(source), part) for source, part in map(split_wire, step.wired.wires)]
        if step.state != "make" or any(made is None or made.state != "kept" for made, _ in wires):
            continue
        inputs = [
            Artifact(made.wired.step.makes, home / made.folder, made.key, made.wired.id).named(part)
            for made, part in wires
            if made is not None
        ]
        try:
            told = step.wired.step.forecast(inputs, Context(seed=recipe.seed, base=recipe.folder))
        except LmloopError:
            continue  # what is wrong is said when the step runs
        if told:
            found[step.wired.id] = told
    return found


def _row(step: "Planned") -> dict[str, Any]:
    return {
        "id": step.wired.id,
        "use": step.wired.step.name(),
        "from": list(step.wired.wires),
        "folder": step.folder,
        "state": step.state,
        "why": step.why,
    }


def _show(steps: "Sequence[Planned]", forecasts: Mapping[str, str]) -> None:
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
        if told := forecasts.get(step.wired.id):
            paragraph(out, told, indent=indent)
    counts = Counter[str](step.state for step in steps)
    words = {"kept": "kept", "make": "to make", "resume": "to finish", "damaged": "damaged, to make again"}
    told = ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])
    out.print()
    line(out, told)
