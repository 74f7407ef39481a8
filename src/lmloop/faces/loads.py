"""A load test from the command line: always measured anew, told in a table, and refused where it is not valid."""

import csv
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from lmloop.core import progress
from lmloop.core.errors import Interrupted, RecipeError, StepError
from lmloop.core.plan import plan
from lmloop.core.recipe import Recipe
from lmloop.core.run import STORE, Run, cores
from lmloop.core.run import carry_out as steps
from lmloop.core.step import Context
from lmloop.core.store import Store
from lmloop.faces.options import Limits
from lmloop.faces.terminal import console
from lmloop.faces.told import Teller, reports, section
from lmloop.loadtest.local import local_server
from lmloop.loadtest.server import Delays
from lmloop.report import blocks
from lmloop.report.summary import show
from lmloop.stages.bench.telling import FACTS

SHOWN = (blocks.Numbers, blocks.Table)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The step, its further settings, where runs lie, and the form in which the numbers are printed."""

    step: dict[str, Any]
    sets: tuple[str, ...]
    home: Path
    limits: Limits
    form: str | None


def carry_out(wanted: Wanted) -> None:
    """Measure, and print what was found.

    Raises:
        StepError: the client was the bottleneck.
        Interrupted: it was stopped; what had been measured was printed.
    """
    told = progress.Silent() if wanted.limits.quiet else progress.default()
    recipe, begun = _next(wanted)
    context = Context(recipe.seed, wanted.limits.workers or cores(), wanted.limits.memory, "local", recipe.folder, told)
    with _gently():
        if begun:
            _run(recipe, wanted, context)
            told.say("  what an earlier, killed measurement had found is kept; now it is measured anew\n")
            recipe, _ = _next(wanted)
        made = _run(recipe, wanted, context)
    facts = json.loads((made[0].path / FACTS).read_bytes())
    _print(facts, made, wanted)
    if facts["partial"]:
        raise Interrupted(f"PARTIAL: {facts['partial']}", hint="run it again to measure anew")
    if not facts["valid"]:
        raise StepError(*_invalid(facts))


@contextmanager
def _gently() -> Iterator[None]:
    """Take being told to end (SIGTERM) as Ctrl-C: what was measured is told."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def serve(port: int, sets: Sequence[str]) -> None:
    """Run the built-in server until Ctrl-C."""
    delays = {}
    for item in sets:
        name, _, value = item.removeprefix("server.").partition("=")
        delays[name] = value
    from pydantic import ValidationError

    from lmloop.stages.bench.settings import ServerTable

    try:
        table = ServerTable.model_validate(delays)
    except ValidationError as bad:
        raise RecipeError(bad.errors()[0]["msg"], hint="--set server.ttft=100ms --set server.itl=20ms") from None
    with local_server(Delays(table.ttft, table.itl, table.slots), port) as url:
        click.echo(f"{url}  (TTFT {1000 * table.ttft:g} ms, ITL {1000 * table.itl:g} ms; Ctrl-C ends it)")
        try:
            sys.stdin.read() if not sys.stdin.isatty() else _sleep()
        except KeyboardInterrupt:
            return


def _sleep() -> None:
    import threading

    threading.Event().wait()


def _next(wanted: Wanted) -> tuple[Recipe, bool]:
    """Find the first take that is not there yet; and say whether it was begun by a run that was killed."""
    take = 1
    wanted.home.mkdir(parents=True, exist_ok=True)
    with Store(wanted.home / STORE) as store:
        while True:
            recipe = _recipe(wanted, take)
            state = plan(recipe, wanted.home, store)[0].state
            if state not in ("kept", "damaged"):
                return recipe, state == "resume"
            take += 1


def _recipe(wanted: Wanted, take: int) -> Recipe:
    report = {"id": "report", "use": "report", "from": ["bench"], "title": "What the server bears"}
    doc = {"name": "bench", "step": [{**wanted.step, "take": take}, report]}
    placed = [item if item.partition("=")[0] == "seed" else f"bench.{item}" for item in wanted.sets]
    return Recipe.check(doc, Path.cwd(), sets=placed)


def _run(recipe: Recipe, wanted: Wanted, context: Context) -> list[Run]:
    teller = Teller(recipe, context.progress)
    for done in steps(recipe, wanted.home, context):
        teller.tell(done)
    return teller.runs


def _print(facts: dict[str, Any], made: Sequence[Run], wanted: Wanted) -> None:
    if wanted.form == "json":
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
    elif wanted.form == "csv":
        _print_csv(facts)
    elif wanted.limits.quiet:
        click.echo(made[0].path)
    else:
        whole = section(made[0].path, made[0].card)
        show(console(), [replace(whole, blocks=tuple(each for each in whole.blocks if isinstance(each, SHOWN)))])
        for path in reports(made):
            click.echo(f"\nreport  {path}")


def _print_csv(facts: dict[str, Any]) -> None:
    rows = [_flat(test) for test in facts["tests"]]
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    out.writeheader()
    out.writerows(rows)


def _flat(told: Any, place: str = "") -> dict[str, Any]:
    """Write nested numbers as one row: ``times.ttft.p99``."""
    if isinstance(told, dict):
        return {name: value for key, item in told.items() for name, value in _flat(item, f"{place}{key}.").items()}
    if isinstance(told, list):
        told = "; ".join(item["what"] if isinstance(item, dict) else str(item) for item in told)
    return {place.removesuffix("."): told}


def _invalid(facts: dict[str, Any]) -> tuple[str, str]:
    main = next(test for test in facts["tests"] if test["run"] == facts["main"])
    what = "; ".join(reason["what"] for reason in main["invalid"])
    remedies = dict.fromkeys(reason["remedy"] for reason in main["invalid"])
    return f"INVALID: the client was the bottleneck, not the server: {what}", "; ".join(remedies)
