"""A recipe: named steps and what each reads. Reading one checks everything and runs nothing."""

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lmloop.core.errors import RecipeError, closest
from lmloop.core.outside import beside
from lmloop.core.part import build
from lmloop.core.step import Kind, Step

FORMAT = 1
DEFAULTS = "defaults"
TOP_KEYS = ("format", "name", "seed", "extends", DEFAULTS, "step")


@dataclass(frozen=True, slots=True)
class Wired:
    """A step of a recipe: its name, what it does, and the names of what it reads."""

    id: str
    step: Step
    wires: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A checked list of steps, in an order in which they can run.

    ``folder`` is where relative paths and ``./parts.py`` start.
    """

    name: str
    seed: int
    steps: tuple[Wired, ...]
    folder: Path

    @classmethod
    def read(cls, path: Path | str, sets: Sequence[str] = (), folder: Path | None = None) -> "Recipe":
        """Read and check a recipe file; relative paths in it start at ``folder``, and else where the file lies.

        ``sets`` are overrides like ``seed=3`` or ``clean.ops=["unicode"]``: a step's name, a setting and a
        TOML value (a bare word is taken as text).

        Raises:
            RecipeError: the file, a name, a setting or a wire is wrong.
        """
        path = Path(path)
        return cls.check(_load(path, ()), folder or path.parent, path.stem, sets, path.parent)

    @classmethod
    def check(
        cls,
        doc: Mapping[str, Any],
        folder: Path | None = None,
        default_name: str = "recipe",
        sets: Sequence[str] = (),
        second: Path | None = None,
    ) -> "Recipe":
        """Check a recipe given as a dictionary of the same form as the file.

        A setting of a part in a list is set by the part's name: ``clean.ops.minhash.bands=20``. A table
        ``[defaults.STAGE]`` holds settings of all steps that use the stage; what a step says itself is stronger. What a
        part reads, and is not in ``folder``, is looked for in the ``second`` folder.

        Raises:
            RecipeError: a name, a setting or a wire is wrong.
        """
        folder = folder or Path.cwd()
        _check_top(doc)
        general = [item for item in sets if item.partition("=")[0].strip().split(".")[0] == DEFAULTS]
        doc = _apply(deepcopy(dict(doc)), general)
        doc = _apply({**doc, "step": _with_defaults(doc)}, [item for item in sets if item not in general])
        _check_top(doc)
        done: dict[str, Wired] = {}
        with beside(folder, second or folder):
            for row in doc["step"]:
                wired = _wire(row, done)
                done[wired.id] = wired
        if not done:
            raise RecipeError("the recipe has no steps", hint='add a [[step]] with id = "..." and use = "..."')
        return cls(str(doc.get("name", default_name)), doc.get("seed", 0), tuple(done.values()), folder)

    def upto(self, wanted: str) -> "Recipe":
        """Keep only a step and what it needs."""
        by_id = {wired.id: wired for wired in self.steps}
        if wanted not in by_id:
            raise RecipeError(f"the recipe has no step {wanted!r}", hint=closest(wanted, by_id))
        needed, open_ends = set[str](), [wanted]
        while open_ends:
            name = open_ends.pop()
            if name in by_id and name not in needed:
                needed.add(name)
                open_ends.extend(split_wire(wire)[0] for wire in by_id[name].wires)
        steps = tuple(wired for wired in self.steps if wired.id in needed)
        return Recipe(self.name, self.seed, steps, self.folder)


def _load(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in seen:
        raise RecipeError(f"{path} extends itself")
    try:
        doc = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"there is no recipe {path}", hint="lmloop list recipes") from None
    except (OSError, UnicodeDecodeError) as bad:
        raise RecipeError(f"cannot read the recipe {path}: {bad}") from None
    except tomllib.TOMLDecodeError as bad:
        raise RecipeError(f"{path} is not valid TOML: {bad}") from None
    parent = doc.pop("extends", None)
    if parent is None:
        return doc
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: extends takes one file name, got {parent!r}")
    return _merge(_load(path.parent / parent, (*seen, path.resolve())), doc)


def _with_defaults(doc: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lay each step over the defaults of its stage, setting by setting; defaults that no step uses are a mistake."""
    rows, defaults = doc.get("step", []), _defaults(doc)
    used = [row.get("use") for row in rows]
    for stage, table in defaults.items():
        if stage not in used:
            raise RecipeError(f"[defaults.{stage}]: no step uses {stage!r}", hint=closest(stage, map(str, used)))
        if own := {"id", "use", "from"} & set(table):
            raise RecipeError(f"[defaults.{stage}]: {' and '.join(sorted(own))} belongs to each step, not to all")
    return [deepcopy({**defaults.get(str(row.get("use")), {}), **row}) for row in rows]


def _defaults(doc: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    defaults = doc.get(DEFAULTS, {})
    if not isinstance(defaults, Mapping) or not all(isinstance(table, Mapping) for table in defaults.values()):
        raise RecipeError("defaults are written [defaults.STAGE], a table for a stage")
    return defaults


def _merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a child over its parent: steps meet by id, settings by name; a list is replaced, never joined."""
    merged = {**parent, **{key: value for key, value in child.items() if key != "step"}}
    older, newer = _defaults(parent), _defaults(child)
    merged[DEFAULTS] = {stage: {**older.get(stage, {}), **newer.get(stage, {})} for stage in {**older, **newer}}
    steps = {row.get("id"): dict(row) for row in parent.get("step", [])}
    for row in child.get("step", []):
        steps[row.get("id")] = {**steps.get(row.get("id"), {}), **row}
    return {**merged, "step": list(steps.values())}


def _apply(doc: dict[str, Any], sets: Sequence[str]) -> dict[str, Any]:
    for item in sets:
        place, equals, text = item.partition("=")
        keys = place.strip().split(".")
        if not equals or not all(keys):
            raise RecipeError(f"cannot read --set {item!r}", hint="write --set step.setting=value")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        if len(keys) == 1:
            doc[keys[0]] = value
            continue
        tables = {DEFAULTS: doc.setdefault(DEFAULTS, {}), **{row.get("id"): row for row in doc.get("step", [])}}
        if keys[0] not in tables:
            raise RecipeError(f"--set {item!r}: no step {keys[0]!r}", hint=closest(keys[0], map(str, tables)))
        table = tables[keys[0]]
        for key in keys[1:-1]:
            table = _enter(table, key, item)
        if not isinstance(table, dict):
            raise RecipeError(f"--set {item!r}: {keys[-2]!r} is not a table")
        table[keys[-1]] = value
    return doc


def _enter(table: Any, key: str, item: str) -> Any:
    """Go one level down: a table by its key, a list of parts by a part's name. A bare name becomes a table."""
    if isinstance(table, list):
        uses = [part.get("use") if isinstance(part, dict) else part for part in table]
        if key not in uses:
            hint = closest(key, filter(None, map(str, uses)))
            raise RecipeError(f"--set {item!r}: no part {key!r} in the list", hint=hint)
        place = uses.index(key)
        table[place] = table[place] if isinstance(table[place], dict) else {"use": key}
        return table[place]
    if not isinstance(table, dict):
        raise RecipeError(f"--set {item!r}: {key!r} is in no table")
    inner = table.setdefault(key, {})
    if isinstance(inner, str):
        inner = table[key] = {"use": inner}
    return inner


def _check_top(doc: Mapping[str, Any]) -> None:
    for key in doc:
        if key not in TOP_KEYS:
            raise RecipeError(f"unknown key {key!r} at the top of the recipe", hint=closest(key, TOP_KEYS))
    if doc.get("format", FORMAT) != FORMAT:
        raise RecipeError(f"recipe format {doc['format']!r} is not known", hint=f"this lmloop reads format {FORMAT}")
    seed = doc.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 1 << 63:
        raise RecipeError(f"seed must be a whole number from 0, got {seed!r}")
    steps = doc.get("step", [])
    if not isinstance(steps, list) or not all(isinstance(row, Mapping) for row in steps):
        raise RecipeError("steps are written [[step]], with two brackets")


def _wire(row: Mapping[str, Any], done: Mapping[str, Wired]) -> Wired:
    settings = dict(row)
    name, wires = settings.pop("id", None), settings.pop("from", [])
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
        raise RecipeError(f"each step needs an id of letters, digits, - and _, got {name!r}")
    if name in done:
        raise RecipeError(f"two steps are called {name!r}")
    if not isinstance(wires, list) or not all(isinstance(wire, str) for wire in wires):
        raise RecipeError(f"step {name!r}: from takes a list of step names, got {wires!r}", hint='from = ["raw"]')
    try:
        step = cast(Step, build("stages", settings))
    except RecipeError as bad:
        raise RecipeError(f"step {name!r}: {bad.message}", bad.hint) from None
    for wire in wires:
        _check_wire(name, step, wire, done)
    if step.takes and step.needs_input and not wires:
        raise RecipeError(
            f"step {name!r} reads {' or '.join(step.takes)}, but has no inputs", hint='add from = ["..."]'
        )
    read = {"log" if wire.startswith("log:") else done[split_wire(wire)[0]].step.makes for wire in wires}
    if missing := [kind for kind in step.needs if kind not in read]:
        raise RecipeError(
            f"step {name!r} needs {' and '.join(missing)}, too", hint=f"name a step that makes {missing[0]} in its from"
        )
    try:
        step.check_inputs(read)
    except RecipeError as bad:
        raise RecipeError(f"step {name!r}: {bad.message}", bad.hint) from None
    return Wired(name, step, tuple(wires))


def split_wire(wire: str) -> tuple[str, str]:
    """Divide a wire into the step and the part of its result that is read; "" for the whole of it."""
    step, _, part = wire.partition("/")
    return step, part


def _check_part(name: str, step: Step, wire: str, done: Mapping[str, Wired]) -> None:
    source, part = split_wire(wire)
    parts = done[source].step.parts()
    if part and part not in parts:
        hint = closest(part, parts) or "name the step alone"
        raise RecipeError(f"step {name!r} reads {wire!r}, but {source!r} makes no {part!r}", hint=hint)
    if not part and not done[source].step.is_whole() and not step.tells:
        hint = f'from = ["{source}/{parts[0]}"]'
        raise RecipeError(f"step {name!r} reads {source!r}, which makes several: {', '.join(parts)}", hint=hint)


def _check_wire(name: str, step: Step, wire: str, done: Mapping[str, Wired]) -> None:
    kind: Kind
    if wire.startswith("log:") and len(wire) > 4:
        kind = "log"
        if step.logs and wire[4:] not in step.logs:
            hint = closest(wire, (f"log:{event}" for event in step.logs))
            raise RecipeError(f"step {name!r} cannot read events of the kind {wire[4:]!r}", hint=hint)
    elif split_wire(wire)[0] in done:
        kind = done[split_wire(wire)[0]].step.makes
        _check_part(name, step, wire, done)
    else:
        hint = closest(wire, done) or "steps read what earlier steps make"
        raise RecipeError(f"step {name!r} reads {wire!r}, which no earlier step makes", hint=hint)
    if kind not in step.takes:
        wants = " or ".join(step.takes) or "nothing"
        raise RecipeError(f"step {name!r} reads {wants}, but {wire!r} makes {kind}")
