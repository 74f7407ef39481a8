"""Carry out a recipe: make what is not there, keep what is, and leave a card with everything made."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack, get_args

from filelock import FileLock, Timeout

from lmloop.core.card import Card, damage
from lmloop.core.errors import DataError, RecipeError, closest, told
from lmloop.core.lineage import finished
from lmloop.core.making import Making, move_aside
from lmloop.core.plan import Planned, plan
from lmloop.core.progress import Progress, Silent
from lmloop.core.recipe import Recipe, split_wire
from lmloop.core.step import Artifact, Context, EngineName
from lmloop.core.store import Store

STORE = "lmloop.db"
HOME = Path("runs")


class Limits(TypedDict, total=False):
    """What a run may use: worker processes (all cores by default), bytes of memory for all of them, and the engine."""

    workers: int | None
    memory: int
    engine: EngineName


@dataclass(frozen=True, slots=True)
class Run:
    """A finished step: its card, where it is, and whether it was made just now."""

    card: Card
    path: Path
    fresh: bool

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The numbers the step reported."""
        return self.card.metrics

    @property
    def artifact(self) -> Artifact:
        """The folder as an input of other steps."""
        return Artifact(self.card.makes, self.path, self.card.key, self.card.id)  # type: ignore[arg-type]


def run(
    recipe: "Recipe | Path | str | Mapping[str, Any]",
    home: Path | str = HOME,
    sets: Sequence[str] = (),
    progress: Progress | None = None,
    **limits: Unpack[Limits],
) -> dict[str, Run]:
    """Carry out a recipe (an object, a file or a dictionary) and give each step's run by its id.

    ``limits`` say what it may use; none of them changes the results.

    Raises:
        LmloopError: what is wrong with the recipe, an input or the machine.
    """
    if isinstance(recipe, Mapping):
        recipe = Recipe.check(recipe, sets=sets)
    elif not isinstance(recipe, Recipe):
        recipe = Recipe.read(recipe, sets)
    if limits.get("engine", "local") not in get_args(EngineName):
        hint = closest(str(limits["engine"]), get_args(EngineName))
        raise RecipeError(f"there is no engine {limits['engine']!r}", hint=hint)
    limits = {**limits, "workers": limits.get("workers") or cores()}
    context = Context(recipe.seed, base=recipe.folder, progress=progress or Silent(), **limits)  # type: ignore[arg-type]
    return {done.card.id: done for done in carry_out(recipe, Path(home), context)}


def cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def carry_out(recipe: Recipe, home: Path, context: Context) -> Iterator[Run]:
    """Carry out a recipe step by step, giving each as soon as it is there.

    Raises:
        LmloopError: what is wrong with an input or the machine.
    """
    made: dict[str, Artifact] = {}
    if context.engine == "ray":  # its workers start in folders of their own
        home, context = home.absolute(), replace(context, base=context.base.absolute())
    with Store(home / STORE) as store:
        adopt(home, store)
        for planned in plan(recipe, home, store):
            with told(planned.folder):
                done = _provide(planned, recipe, made, store, context)
            if done.fresh:
                store.note_run(done.path.name, done.card.id, done.card.key, recipe.name)
            made[done.card.id] = done.artifact
            yield done


def adopt(home: Path, store: Store) -> None:
    """Put runs that the catalogue does not know into it: their cards say all there is to know."""
    known = set(store.runs())
    if any(path.parent.name not in known for path in home.glob("*/run.json")):
        for card in finished(home):
            if card.folder not in known:
                store.note_run(card.folder, card.id, card.key, card.recipe)


def _provide(planned: Planned, recipe: Recipe, made: Mapping[str, Artifact], store: Store, context: Context) -> Run:
    """Keep a step's result or make it; one process at a time makes a folder, others wait for it."""
    home = store.path.parent
    out = home / planned.folder
    if isinstance(found := _look(out, planned), Card):
        return Run(found, out, fresh=False)
    (home / ".locks").mkdir(exist_ok=True)
    lock = FileLock(home / ".locks" / f"{planned.folder}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        context.progress.say(f"  {planned.folder} is being made by another process: waiting for it")
        lock.acquire()
    try:
        if isinstance(found := _look(out, planned), Card):
            return Run(found, out, fresh=False)
        if out.exists() or out.is_symlink():
            aside = move_aside(out)
            context.progress.say(f"  {out.name} is damaged ({found}): moved to {aside.name}, making it again")
        wires = planned.wired.wires
        inputs = [_input(wire, made) or Artifact("log", store.path, planned.parents[wire]) for wire in wires]
        making = Making(planned, inputs, recipe.name, store.next_number(), store.digest)
        return Run(making.carry_out(home, context), out, fresh=True)
    finally:
        lock.release()


def _input(wire: str, made: Mapping[str, Artifact]) -> Artifact | None:
    """Give what a wire stands for; None where it leads to the log."""
    source, part = split_wire(wire)
    return made[source].named(part) if source in made else None


def _look(out: Path, planned: Planned) -> Card | str:
    """Read the card of a folder that is whole; else say what is wrong with it."""
    try:
        card = Card.read(out)
    except DataError as bad:
        return bad.message
    return damage(out, card) or card if card.key == planned.key else "it holds another result"


__all__ = ["Run", "carry_out", "cores", "run"]
