"""Scores of many models: rows of a table, put together by task."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from lmloop.core.errors import DataError
from lmloop.kernels.scaling.emergence import Series
from lmloop.kernels.scaling.numbers import Row, number
from lmloop.kernels.scaling.table import KNOWN, find_column

SCORES = "scores.jsonl"
WIDE = "score"
"""What the metric of a wide table is called, which does not name it."""
LONG = ("task", "metric", "value")
SCALES = ("loss", "flops", "params", "tokens")
BESIDE = frozenset({"model", "run", "name", "chance", "items", *(name for names in KNOWN.values() for name in names)})


def by_task(
    rows: Sequence[Row], continuous: Collection[str], lower: Collection[str], chance: Mapping[str, float]
) -> dict[str, list[Series]]:
    """Put scores together: for each task, its series under each metric, models in order of scale.

    Raises:
        DataError: there is no scale, or no score.
    """
    scale = next((name for name in SCALES if find_column(rows, name, {})), None)
    if scale is None:
        hint = "a column loss, flops, params or tokens says how large each model is"
        raise DataError("the table does not say the scale of its models", hint=hint)
    column = find_column(rows, scale, {})
    assert column is not None
    sign = -1.0 if scale == "loss" else 1.0
    gathered: dict[tuple[str, str], list[tuple[float, float, float, int]]] = {}
    for row in _long(rows):
        size, value = sign * number(row[column]), number(row["value"])
        if not (np.isfinite(size) and np.isfinite(value)):
            continue
        task, metric = str(row["task"]), str(row["metric"])
        guess = number(row.get("chance"))
        guess = chance.get(task, 0.0) if not np.isfinite(guess) else guess
        items = number(row.get("items"))
        better = -value if metric in lower else value
        gathered.setdefault((task, metric), []).append((size, better, guess, int(items) if items > 0 else 0))
    if not gathered:
        raise DataError("the table holds no score that is a number", hint="columns: task, metric, value, loss")
    tasks: dict[str, list[Series]] = {}
    for (task, metric), points in gathered.items():
        sizes, scores, guesses, items_of = (np.array(side) for side in zip(*sorted(points), strict=True))
        known = float(guesses[0]), int(items_of[0])
        name = f"minus {metric}" if metric in lower else metric
        tasks.setdefault(task, []).append(Series(task, name, metric in continuous, sizes, scores, *known))
    return tasks


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write the scores as they are, a line each."""
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _long(rows: Sequence[Row]) -> list[Row]:
    """Give a table its long form: a row for each score."""
    if all(name in rows[0] for name in LONG):
        return list(rows)
    tasks = [
        name for name in rows[0] if name.lower() not in BESIDE and any(number(r[name]) == number(r[name]) for r in rows)
    ]
    return [{**row, "task": task, "metric": WIDE, "value": row[task]} for row in rows for task in tasks]
