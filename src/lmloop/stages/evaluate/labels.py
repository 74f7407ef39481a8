"""Names under which models and tasks stand in tables: short, and each once."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmloop.core.card import CARD
from lmloop.core.errors import RecipeError
from lmloop.core.outside import resolve
from lmloop.core.part import Part
from lmloop.core.step import Artifact
from lmloop.core.task import Task

LONGEST = 48
DIGESTS = ("pool", "data", "version")
"""What a protocol says that nobody would call a task by."""


def named_models(given: Any) -> Any:
    """Give models that are listed a name each: what their own name says of them."""
    if not isinstance(given, list | tuple):
        return given
    return dict(zip(unique([model_label(one) for one in given]), given, strict=True))


def model_label(spec: Any) -> str:
    """Name a model by what a recipe says of it: ``transformers:smollm2``, ``openai:qwen2``, ``toy``."""
    if isinstance(spec, Part):
        spec = {"use": spec.name(), **{name: getattr(spec, name) for name in changed(spec)}}
    if isinstance(spec, Mapping):
        rest = [_told(key, value) for key, value in spec.items() if key != "use"]
        return f"{spec.get('use')}:{','.join(rest)}"[:LONGEST] if rest else str(spec.get("use"))
    use, colon, place = str(spec).partition(":")
    return f"{use}{colon}{_short(place.partition('@')[0])}"


def changed(part: Part) -> list[str]:
    """List the settings that are not the default."""
    fields = type(part).model_fields
    return [
        name for name in part.fields() if getattr(part, name) != fields[name].get_default(call_default_factory=True)
    ]


def unique(labels: Sequence[str]) -> list[str]:
    """Number those labels that come twice."""
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label}-{seen[label]}")
    return found


def model_names(inputs: Sequence[Artifact], models: Mapping[str, Part]) -> list[tuple[str, Part | Path, str]]:
    """List all models: the name, what opens it, and the folder of its run where it has one.

    Raises:
        RecipeError: two have one name.
    """
    found: list[tuple[str, Part | Path, str]] = [(item.id, item.path, item.run.name) for item in inputs]
    found += [(name, part, _run(part)) for name, part in models.items()]
    names = [name for name, _, _ in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise RecipeError(f"two models are called {min(twice)!r}", hint='models = { another-name = "..." }')
    return found


def _run(model: Part) -> str:
    """Name the run whose weights a model is, where it is one."""
    folder = getattr(model, "folder", "")
    place = resolve(folder) if folder else None
    return place.resolve().name if place and (place / CARD).is_file() else ""


def task_names(tasks: Sequence[Task]) -> dict[str, Task]:
    """Name each task; where two are of one kind, by that in which their protocols differ."""
    labels = []
    for task in tasks:
        alike = [other.protocol() for other in tasks if other.name() == task.name()]
        mine = task.protocol() if len(alike) > 1 else {}
        plain = [name for name in mine if not isinstance(mine[name], list | dict)]
        differ = [name for name in plain if len({_plain(other.get(name)) for other in alike}) > 1]
        told = [_told(name, mine[name]) for name in differ if mine[name] is not None and name not in DIGESTS]
        labels.append(f"{task.name()} ({', '.join(told)[:LONGEST]})" if told else task.name())
    return dict(zip(unique(labels), tasks, strict=True))


def _told(name: str, value: Any) -> str:
    if isinstance(value, str):
        return _short(value) or f"no {name}"
    return f"{name}={_plain(value)}"


def _short(place: str) -> str:
    """Of a path, its last part."""
    return Path(place).name or place if Path(place).exists() or place.startswith((".", "/")) else place


def _plain(value: Any) -> str:
    if isinstance(value, Part):
        value = value.spec()
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str).strip('"')
