"""Making one result: the folder it grows in, and the moment it becomes whole."""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lmloop.core.card import BEGUN, CARD, WORK, Card, damage, list_files, versions
from lmloop.core.draft import draft, sweep, sync
from lmloop.core.errors import DataError, Interrupted, LmloopError, StepError, told
from lmloop.core.plan import Planned
from lmloop.core.step import Artifact, Context


@dataclass(frozen=True, slots=True)
class Making:
    """A result to be made: the plan of its step, its inputs, and what its card says beside that."""

    planned: Planned
    inputs: list[Artifact]
    recipe: str
    number: int
    digest: Callable[[Path], str]

    def carry_out(self, home: Path, context: Context) -> Card:
        """Run the step in ``name.part`` and rename that to ``name``: the folder is whole, or not there.

        Raises:
            Interrupted: the user stopped it.
            LmloopError: the step cannot be done.
        """
        out = home / self.planned.folder
        part = out.with_name(f"{out.name}.part")
        context = replace(context, outside=self.planned.outside)
        try:
            with told(out.name):
                card = _begin(part, self.planned, context) or self._run(part, context)
                _finish(part, out)
        except KeyboardInterrupt:
            raise Interrupted(f"stopped while making {out.name}", hint="run it again to go on from there") from None
        return card

    def _run(self, part: Path, context: Context) -> Card:
        planned, step = self.planned, self.planned.wired.step
        start = time.monotonic()
        try:
            metrics = step.run(self.inputs, part, context)
        except LmloopError as bad:
            raise StepError(f"step {planned.wired.id!r}: {bad.message}", bad.hint) from bad
        if step.outside(context.base, self.digest) != planned.outside:
            shutil.rmtree(part)
            raise StepError(
                f"step {planned.wired.id!r}: the files that it reads were changed while it ran",
                hint="run it again: it is planned anew, by what they hold now",
            )
        sweep(part)
        card = Card(
            id=planned.wired.id,
            use=step.name(),
            makes=step.makes,
            key=planned.key,
            seed=context.seed,
            settings=step.identity(),
            parents=planned.parents,
            outside=planned.outside,
            metrics=dict(metrics),
            seconds=round(time.monotonic() - start, 3),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            recipe=self.recipe,
            versions=versions(),
            files=list_files(part),
            number=self.number,
        )
        for name in card.files:
            sync(part / name)
        card.write(part)
        return card


def move_aside(path: Path) -> Path:
    """Give a damaged folder or file another name; nothing is ever removed that may hold something."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return path.rename(aside)


def _begin(part: Path, planned: Planned, context: Context) -> Card | None:
    """Make the folder ready to work in, keeping what an interrupted run of the same result left there.

    Gives the card if that run had written it already: all is done then but the renaming.
    """
    ours = {"key": planned.key, "versions": _makers()}
    if part.exists() or part.is_symlink():
        if card := _finished_card(part, planned):
            return card
        begun = _begun(part)
        if begun is None:
            aside = move_aside(part)
            context.progress.say(f"  {part.name} is not what lmloop left there: moved to {aside.name}")
        elif begun != ours:
            shutil.rmtree(part)
            context.progress.say(f"  {part.name} was begun by another version of lmloop: its step begins again")
        else:
            sweep(part)
            (part / CARD).unlink(missing_ok=True)
            return None
    # the note is in the folder from its first moment on
    new = part.with_name(f"{part.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    with draft(new / BEGUN) as place:
        place.write_text(json.dumps(ours), encoding="utf-8")
    new.rename(part)
    return None


def _makers() -> Mapping[str, str]:
    """Name what decides about bytes: work that another version began cannot be gone on with."""
    found = versions()
    return {name: found[name] for name in ("lmloop", "numpy", "pyarrow") if name in found}


def _begun(part: Path) -> Mapping[str, object] | None:
    try:
        begun = json.loads((part / BEGUN).read_bytes())
    except (OSError, ValueError):
        return None
    return begun if isinstance(begun, dict) else None


def _finished_card(part: Path, planned: Planned) -> Card | None:
    try:
        card = Card.read(part)
    except DataError:
        return None
    return card if card.key == planned.key and not damage(part, card) else None


def _finish(part: Path, out: Path) -> None:
    """Remove what was there only to be gone on with, and let the folder appear under its name."""
    if (part / WORK).exists():
        shutil.rmtree(part / WORK)
    (part / BEGUN).unlink(missing_ok=True)
    part.rename(out)
    sync(out.parent)
