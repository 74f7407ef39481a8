"""What a mixture's routers did: the load of experts, how sure routers are, how alike experts, who uses which."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmloop.report import blocks

Places = Mapping[str, Mapping[str, Any]]


def describe_routing(path: Path) -> list[blocks.Block]:
    """Draw what was noted of the routers, if anything was."""
    if not path.is_file():
        return []
    said = json.loads(path.read_text(encoding="utf-8"))
    places: Places = said["places"]
    found: list[blocks.Block] = []
    if places:
        found += [_load(places), _tasks(places, said["tasks"]), _entropy(places)]
    if said["similarity"]:
        found.append(_alike(list(said["similarity"].values())))
    return found


def _load(places: Places) -> blocks.Heat:
    most = max(len(place["load"]) for place in places.values())
    rows = [(*place["load"], *[None] * (most - len(place["load"]))) for place in places.values()]
    note = "each expert's share of all weight, on held-out text without padding"
    names = tuple(map(_short, places))
    return blocks.Heat("Load of the experts", names, _numbers(most), tuple(rows), "router", "expert", note)


def _tasks(places: Places, tasks: Sequence[str]) -> blocks.Heat:
    """Average over the routers that have the most experts."""
    most = max(len(place["load"]) for place in places.values())
    rows: list[tuple[float | None, ...]] = []
    for number in range(len(tasks)):
        loads = [place["tasks"].get(str(number)) for place in places.values() if len(place["load"]) == most]
        known = [load for load in loads if load]
        rows.append(tuple(_means(known)) if known else (None,) * most)
    note = "each expert's share of a task's weight, the mean of all routers"
    return blocks.Heat(
        "Which task uses which expert", tuple(tasks), _numbers(most), tuple(rows), "task", "expert", note
    )


def _entropy(places: Places) -> blocks.Block:
    kinds = (("of a token's weights", "token_entropy"), ("of the load", "load_entropy"))
    if len(places) == 1:  # a line of one point is none
        (place,) = places.values()
        captions = (
            "of the largest possible; low: the router is sure",
            "1: all experts are used alike; low: some lie idle",
        )
        figures = [
            blocks.Figure(name, round(float(place[key]), 3), caption=caption)
            for (name, key), caption in zip(kinds, captions, strict=True)
        ]
        return blocks.Numbers("Entropy of the router", tuple(figures))
    x = tuple(range(1, len(places) + 1))
    lines = [blocks.Line(name, x, tuple(float(place[key]) for place in places.values())) for name, key in kinds]
    note = "1 is even; a low line for tokens are sure routers, a low one for the load are experts that lie idle"
    return blocks.Curve("Entropy of the routers", tuple(lines), "router", "of the largest possible", note=note)


def _alike(tables: Sequence[Sequence[Sequence[float]]]) -> blocks.Heat:
    most = max(map(len, tables))
    known = [table for table in tables if len(table) == most]
    rows = tuple(tuple(_means([table[number] for table in known])) for number in range(most))
    note = "the cosine of their changes, the mean of all places: 1 where two do the same"
    return blocks.Heat("How alike the experts are", _numbers(most), _numbers(most), rows, "expert", "expert", note)


def _means(rows: Sequence[Sequence[float]]) -> list[float]:
    return [round(sum(column) / len(rows), 4) for column in zip(*rows, strict=True)]


def _numbers(most: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(1, most + 1))


def _short(name: str) -> str:
    return name.removeprefix("model.").removeprefix("layers.").replace("self_attn.", "").replace(".", " ")
