"""What a tuning notes beside its weights, for whoever goes on with them. No torch here."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmloop.core.draft import draft

ROUTING, TRAINED = "routing.json", "trained.json"
"""What the routers did with held-out text; how many weights were trained, and the names of the tasks."""


def note(folder: Path, name: str, said: Any) -> None:
    """Write something down in the folder of a result."""
    with draft(folder / name) as place:
        place.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")


def tasks_of(folder: Path) -> list[str]:
    """Give the names of the tasks that a model was tuned on, in the order of their numbers; none if it is not known."""
    return [str(name) for name in _read(folder / TRAINED).get("tasks", [])]


def loads_of(folder: Path) -> dict[str, Sequence[float]]:
    """Give the share of all weight that each expert had on held-out text, by the router's place."""
    return {place: told["load"] for place, told in _read(folder / ROUTING).get("places", {}).items()}


def _read(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
