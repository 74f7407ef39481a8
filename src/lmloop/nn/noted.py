"""What a tuning notes beside its weights, for whoever goes on with them. No torch here."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmloop.core.draft import draft

ROUTING, TRAINED = "routing.json", "trained.json"
"""What the routers did with held-out text; how many weights were trained."""


def note(folder: Path, name: str, said: Any) -> None:
    """Write something down in the folder of a result."""
    with draft(folder / name) as place:
        place.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")


def loads_of(folder: Path) -> dict[str, Sequence[float]]:
    """Give the share of all weight that each expert had on held-out text, by the router's place; {} if not known."""
    path = folder / ROUTING
    if not path.is_file():
        return {}
    return {place: told["load"] for place, told in json.loads(path.read_text(encoding="utf-8"))["places"].items()}
