"""``lmloop check``: the machine, a run, a part or a recipe."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from lmloop.core.errors import DataError, PartError
from lmloop.faces.options import HOME, JSON
from lmloop.faces.recipes import find_recipe
from lmloop.faces.terminal import columns, console, paragraph, print_json
from lmloop.faces.verb import Verb
from lmloop.report.units import size

KINDS = ("ops", "readers", "models", "tasks", "methods", "stages")
USAGE = "[RUN | part NAME | recipe FILE]"


@click.command(
    "check",
    cls=Verb,
    section="Parts and machine",
    examples=(
        "lmloop check                                # the machine: Python, packages, room, cores",
        "lmloop check clean                          # that every file of a run is as it was made",
        "lmloop check part ./my_ops/no_shouting.py   # the battery that every part passes",
        "lmloop check part length --kind ops --set min_characters=5",
        "lmloop check recipe mine.toml               # names, settings and wiring, without running",
    ),
)
@click.argument("what", nargs=-1, metavar=USAGE)
@HOME
@click.option("--kind", type=click.Choice(KINDS), help="What kind of part it is, where the name does not say.")
@click.option("--set", "sets", multiple=True, metavar="SETTING=VALUE", help="A setting of the part.")
@JSON
def verb(what: tuple[str, ...], home: Path, kind: str | None, sets: tuple[str, ...], as_json: bool) -> None:
    """Check the machine, a run, a part or a recipe.

    With nothing, look at what lmloop needs of this machine. RUN is a finished run: every file is read and compared
    with its digest in the run card.
    """
    if not what:
        _check_machine(home, as_json)
    elif what[0] == "part" and len(what) == 2:
        told = _check_part(what[1], kind, sets)
        _say(as_json, told, part=what[1])
    elif what[0] == "recipe" and len(what) == 2:
        told, steps = _check_recipe(what[1])
        _say(as_json, told, recipe=what[1], steps=steps)
    elif len(what) == 1:
        told, folder = _check_run(home, what[0])
        _say(as_json, told, run=folder)
    else:
        raise click.UsageError(f"check takes {USAGE}", click.get_current_context())


def _say(as_json: bool, told: str, **facts: Any) -> None:
    if as_json:
        print_json({"ok": True, **facts, "told": told})
    else:
        click.echo(told)


def _check_machine(home: Path, as_json: bool) -> None:
    from lmloop.faces.machine import look

    found = list(look(home))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        out = console()
        signs = {True: "ok", False: "BAD", None: "-"}
        styles = {True: "", False: "bold red", None: "dim"}
        heads = columns([(signs[finding.ok], finding.name) for finding in found])
        indent = max(map(len, heads)) + 2
        for finding, head in zip(found, heads, strict=True):
            paragraph(out, finding.told, styles[finding.ok], indent, head)
            if finding.ok is not True and finding.fix:
                paragraph(out, finding.fix, "cyan", indent)
    if any(finding.ok is False for finding in found):
        click.get_current_context().exit(1)


def _check_run(home: Path, name: str) -> tuple[str, str]:
    from lmloop.core.card import Card, damage
    from lmloop.core.lineage import find_run

    folder = find_run(home, name)
    card = Card.read(folder)
    wrong = damage(folder, card, thorough=True)
    if wrong:
        hint = "run its recipe again: it is moved aside and made again"
        raise DataError(f"{folder.name} is damaged: {wrong}", hint=hint)
    total = sum(row["bytes"] for row in card.files.values())
    return f"{folder.name} is whole: {len(card.files):,} files, {size(total)}, every digest is right", folder.name


def _check_recipe(name: str) -> tuple[str, list[str]]:
    from lmloop.core.recipe import Recipe

    path = find_recipe(name)
    recipe = Recipe.read(path)
    steps = [wired.id for wired in recipe.steps]
    return f"{path} is right: {len(steps)} steps, {', '.join(steps)}", steps


def _check_part(name: str, kind: str | None, sets: Sequence[str]) -> str:
    from lmloop import testing
    from lmloop.core.part import build

    kind = kind or _kind_of(name)
    settings = _settings(sets)
    part = build(kind, {"use": name, **settings}) if settings else _example(kind, name)
    check: Any = getattr(testing, f"check_{_singular(kind)}")
    try:
        check(part)
    except AssertionError as bad:
        raise PartError(f"the battery fails: {bad}", hint="put it right, and check again") from None
    return f"{name} passes the battery of {kind}"


def _example(kind: str, name: str) -> Any:
    from pydantic import ValidationError

    from lmloop.core.part import find

    try:
        return find(kind, name).example()
    except ValidationError as bad:
        missing = ", ".join(".".join(map(str, error["loc"])) for error in bad.errors())
        raise PartError(
            f"{name} has settings without a default: {missing}",
            hint="give them with --set, or write a classmethod example() that gives one to try",
        ) from None


def _kind_of(name: str) -> str:
    """Say what kind of part a file or a name stands for."""
    from lmloop.core.listing import names
    from lmloop.core.method import Method
    from lmloop.core.op import Op
    from lmloop.core.part import find
    from lmloop.core.reader import Reader
    from lmloop.core.step import Step
    from lmloop.core.task import Task

    if name.endswith(".py"):
        part = find("ops", name)
        classes = {"ops": Op, "readers": Reader, "tasks": Task, "methods": Method, "stages": Step}
        return next((kind for kind, base in classes.items() if issubclass(part, base)), "models")
    kinds = [kind for kind in KINDS if name in names(kind)]
    if len(kinds) != 1:
        told = f"{name!r} is the name of {' and '.join(kinds)}" if kinds else f"there is no part called {name!r}"
        raise PartError(told, hint="say --kind" if kinds else "lmloop list")
    return kinds[0]


def _settings(sets: Sequence[str]) -> dict[str, Any]:
    import tomllib

    found: dict[str, Any] = {}
    for item in sets:
        name, equals, text = item.partition("=")
        if not equals:
            raise PartError(f"cannot read --set {item!r}", hint="write --set setting=value")
        try:
            found[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[name.strip()] = text.strip()
    return found


def _singular(kind: str) -> str:
    return "step" if kind == "stages" else kind.removesuffix("s")
