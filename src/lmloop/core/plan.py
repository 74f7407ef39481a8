"""A plan: what a recipe's steps are called once their inputs are known, and which are there already."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from lmloop.core.card import Card, damage, folder_name
from lmloop.core.errors import DataError, told
from lmloop.core.recipe import Recipe, Wired, split_wire
from lmloop.core.store import Store

State: TypeAlias = Literal["kept", "resume", "make", "damaged"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A step whose key is known.

    ``parents`` maps each wire to the folder or log position it stands for. ``state`` tells whether the
    result is there (``kept``), was begun (``resume``), must be made, or is there but ``damaged``; ``why``
    says it in words.
    """

    wired: Wired
    key: str
    parents: Mapping[str, str]
    outside: Any
    state: State
    why: str

    @property
    def folder(self) -> str:
        """The name of the result's folder."""
        return folder_name(self.wired.id, self.key)


def plan(recipe: Recipe, home: Path, store: Store) -> list[Planned]:
    """Work out the key and the state of every step. Reads files' digests; runs and writes nothing else."""
    done: dict[str, Planned] = {}
    with told("the plan"):
        for wired in recipe.steps:
            done[wired.id] = _plan_step(wired, recipe, done, home, store)
    store.keep_digests()
    return list(done.values())


def result_key(identity: Mapping[str, Any], seed: int, parents: Mapping[str, str], outside: Any) -> str:
    """Name a result by all that makes it: settings and versions, the seed, the inputs and outside files."""
    body = json.dumps([identity, seed, list(parents.values()), outside], sort_keys=True, default=str)
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()


def _plan_step(wired: Wired, recipe: Recipe, done: Mapping[str, Planned], home: Path, store: Store) -> Planned:
    parents, parent_keys = {}, {}
    for wire in wired.wires:
        if wire.startswith("log:"):
            parents[wire] = parent_keys[wire] = f"{wire}@{store.last(wire[4:])}"
        else:
            source, part = split_wire(wire)
            parents[wire] = done[source].folder
            parent_keys[wire] = f"{done[source].key}/{part}" if part else done[source].key
    outside = wired.step.outside(recipe.folder, store.digest)
    key = result_key(wired.step.identity(), recipe.seed, parent_keys, outside)
    state, why = _state(home, wired, key)
    planned = Planned(wired, key, parents, outside, state, why)
    if state == "make":
        why = _explain(planned, recipe, done, home, store)
    return Planned(wired, key, parents, outside, state, why)


def _state(home: Path, wired: Wired, key: str) -> tuple[State, str]:
    folder = home / folder_name(wired.id, key)
    if not folder.exists():
        begun = folder.with_name(f"{folder.name}.part").exists()
        return ("resume", "was begun and not finished") if begun else ("make", "")
    try:
        card = Card.read(folder)
    except DataError as bad:
        return "damaged", bad.message
    if card.key != key:
        return "damaged", f"{folder.name} holds another key, {card.key}"
    wrong = damage(folder, card)
    return ("damaged", wrong) if wrong else ("kept", "nothing that it is made of has changed")


def _explain(planned: Planned, recipe: Recipe, done: Mapping[str, Planned], home: Path, store: Store) -> str:
    """Compare with the newest finished run of a step of this name."""
    for folder in store.runs(planned.wired.id):
        try:
            last = Card.read(home / folder)
        except DataError:
            continue
        return "; ".join(changes(planned, last, recipe.seed, done)) or "the last result is gone"
    return "never made"


def changes(planned: Planned, last: Card, seed: int, done: Mapping[str, Planned]) -> list[str]:
    """Say what differs between a planned step and a finished run of it."""
    found = differences(last.settings, planned.wired.step.identity())
    if last.seed != seed:
        found.append(f"seed: {last.seed} -> {seed}")
    for wire, folder in planned.parents.items():
        if wire not in last.parents:
            found.append(f"reads {wire!r}, too")
        elif last.parents[wire] != folder:
            source = split_wire(wire)[0]
            made = source in done and done[source].state != "kept"
            found.append(f"{wire!r} will be made again" if made else f"{wire}: {last.parents[wire]} -> {folder}")
    found += [f"no longer reads {wire!r}" for wire in last.parents if wire not in planned.parents]
    if last.outside != planned.outside:
        found.append("the files it reads have changed")
    return found


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """List where two settings differ, one line a place: ``ops.2.keep: ["en"] -> ["en", "zh"]``."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found = []
        for key in sorted({*before, *after}):
            inner = f"{place}.{key}" if place else str(key)
            if key not in before:
                found.append(f"{inner}: new, {_short(after[key])}")
            elif key not in after:
                found.append(f"{inner}: gone, was {_short(before[key])}")
            else:
                found += differences(before[key], after[key], inner)
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            line
            for i, pair in enumerate(zip(before, after, strict=True))
            for line in differences(*pair, f"{place}.{i}")
        ]
    # 1, 1.0 and true are equal in Python, but not in what they are written as, nor in a key
    same = _json(before) == _json(after)
    return [] if same else [f"{place}: {_short(before)} -> {_short(after)}"]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _short(value: Any) -> str:
    text = _json(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
