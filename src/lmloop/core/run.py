"""Carry out a recipe: make what is not there, keep what is, and leave a card with everything made."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lmloop.core.card import Card, damage, list_files, versions
from lmloop.core.errors import DataError, Interrupted, LmloopError, StepError
from lmloop.core.plan import Planned, plan
from lmloop.core.progress import Progress, Silent
from lmloop.core.recipe import Recipe
from lmloop.core.step import Artifact, Context
from lmloop.core.store import Store

STORE = "lmloop.db"
HOME = Path("runs")


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
    workers: int | None = None,
    memory: int = 2 << 30,
    progress: Progress | None = None,
) -> dict[str, Run]:
    """Carry out a recipe (an object, a file or a dictionary) and give each step's run by its id.

    ``workers`` defaults to the number of cores; ``memory`` is in bytes. Neither changes the results.

    Raises:
        LmloopError: what is wrong with the recipe, an input or the machine.
    """
    if isinstance(recipe, Mapping):
        recipe = Recipe.check(recipe, sets=sets)
    elif not isinstance(recipe, Recipe):
        recipe = Recipe.read(recipe, sets)
    context = Context(recipe.seed, workers or cores(), memory, recipe.folder, progress or Silent())
    return {done.card.id: done for done in carry_out(recipe, Path(home), context)}


def cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def carry_out(recipe: Recipe, home: Path, context: Context) -> Iterator[Run]:
    """Carry out a recipe step by step, giving each as soon as it is there."""
    home.mkdir(parents=True, exist_ok=True)
    made: dict[str, Artifact] = {}
    with Store(home / STORE) as store:
        adopt(home, store)
        for planned in plan(recipe, home, store):
            done = _provide(planned, recipe, made, home, context)
            store.note_run(done.path.name, done.card.id, done.card.key, recipe.name) if done.fresh else None
            made[done.card.id] = done.artifact
            yield done


def adopt(home: Path, store: Store) -> None:
    """Put runs that the catalogue does not know into it: their cards say all there is to know."""
    known = set(store.runs())
    for path in sorted(home.glob("*/run.json"), key=lambda card: card.stat().st_mtime_ns):
        if path.parent.name not in known and not path.parent.name.endswith(".part"):
            try:
                card = Card.read(path.parent)
            except DataError:
                continue
            if card.folder == path.parent.name:
                store.note_run(card.folder, card.id, card.key, card.recipe)


def _provide(planned: Planned, recipe: Recipe, made: Mapping[str, Artifact], home: Path, context: Context) -> Run:
    """Keep a step's result or make it; one process at a time makes a folder, others wait for it."""
    if planned.state == "kept":
        return Run(Card.read(home / planned.folder), home / planned.folder, fresh=False)
    lock = FileLock(home / ".locks" / f"{planned.folder}.lock")
    (home / ".locks").mkdir(exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        context.progress.say(f"  {planned.folder} is being made by another process: waiting for it")
        lock.acquire()
    try:
        out = home / planned.folder
        if out.exists():
            card = _whole(out, planned, context)
            if card is not None:
                return Run(card, out, fresh=False)
        return Run(_make(planned, recipe, made, home, context), out, fresh=True)
    finally:
        lock.release()


def _whole(out: Path, planned: Planned, context: Context) -> Card | None:
    """Read the card of a whole folder; a damaged one is moved aside, never removed."""
    try:
        card = Card.read(out)
        wrong = "it holds another result" if card.key != planned.key else damage(out, card)
    except DataError as bad:
        card, wrong = None, bad.message
    if not wrong:
        return card
    number = 1
    while (aside := out.with_name(f"{out.name}.damaged-{number}")).exists():
        number += 1
    out.rename(aside)
    context.progress.say(f"  {out.name} is damaged ({wrong}): moved to {aside.name}, making it again")
    return None


def _make(planned: Planned, recipe: Recipe, made: Mapping[str, Artifact], home: Path, context: Context) -> Card:
    step, out = planned.wired.step, home / planned.folder
    part = out.with_name(f"{out.name}.part")
    part.mkdir(exist_ok=True)
    inputs = [made.get(wire) or Artifact("log", home / STORE, planned.parents[wire]) for wire in planned.wired.wires]
    start = time.monotonic()
    try:
        metrics = step.run(inputs, part, context)
        card = Card(
            id=planned.wired.id,
            use=step.name(),
            makes=step.makes,
            key=planned.key,
            seed=recipe.seed,
            settings=step.identity(),
            parents=planned.parents,
            outside=planned.outside,
            metrics=dict(metrics),
            recipe=recipe.name,
            versions=versions(),
            files=list_files(part),
        )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        card = replace(card, seconds=round(time.monotonic() - start, 3), finished=now)
        card.write(part)
        part.rename(out)
    except KeyboardInterrupt:
        raise Interrupted(f"stopped while making {out.name}", hint="run it again to go on from there") from None
    except OSError as bad:
        raise _explain(bad, out.name) from bad
    except LmloopError as bad:
        raise StepError(f"step {planned.wired.id!r}: {bad.message}", bad.hint) from bad
    return card


def _explain(bad: OSError, what: str) -> LmloopError:
    if bad.errno in (ENOSPC, EDQUOT, EFBIG):
        return StepError(
            f"the disk is full: {what} could not be finished",
            hint="make room and run it again: what is finished stays, and it goes on from there",
        )
    return StepError(f"{what} could not be finished: {bad}", hint="run it again to go on from there")


__all__ = ["Run", "carry_out", "cores", "run"]
