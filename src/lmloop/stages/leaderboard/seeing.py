"""What a person should see of a leaderboard in a terminal, and in a report of the whole recipe."""

from collections.abc import Mapping
from typing import Any

from lmloop.report import blocks
from lmloop.stages.leaderboard.exporting import ordered, with_reach


def show(data: Mapping[str, Any]) -> list[blocks.Block]:
    """Draw the table and the bars; the step's own page has the rest."""
    names = ordered(data)
    columns = ["model", *(["average"] if data["average"] else []), *(column["name"] for column in data["columns"])]
    rows = tuple(_row(data, name) for name in names)
    figures = (
        blocks.Figure("models", len(names)),
        blocks.Figure("tasks", len(data["columns"])),
        blocks.Figure("best", names[0], caption="by the average" if data["average"] else data["columns"][0]["name"]),
    )
    note = "Intervals of 95 %; * the best, or not to be told from it (paired tests, Holm)."
    shares = [column for column in data["columns"] if column["share"]]
    bars = blocks.Bars(
        "Shares by task",
        tuple(column["name"] for column in shares),
        tuple(
            blocks.Series(name, tuple(_percent(data["cells"].get(f"{name}\n{column['name']}")) for column in shares))
            for name in names
        ),
        unit="%",
    )
    found: list[blocks.Block] = [
        blocks.Numbers("Leaderboard", figures),
        blocks.Table("Scores", tuple(columns), rows, note),
    ]
    found += [_suite(each) for each in data["suites"]]
    found += [_beside(each) for each in data["beside"]]
    return [*found, bars] if shares else found


def _suite(told: Mapping[str, Any]) -> blocks.Block:
    """Draw a suite's average of each model, with the numbers that it is made of."""
    entries = list(next(iter(told["models"].values()))["entries"])
    ordered_models = sorted(told["models"].items(), key=lambda each: -(each[1]["total"] or 0.0))
    rows = tuple(
        (name, *(_hundredth(value) for value in (found["total"], *found["entries"].values())))
        for name, found in ordered_models
    )
    return blocks.Table(told["title"], ("model", "average", *entries), rows, " ".join(told["about"].split()))


def _beside(told: Mapping[str, Any]) -> blocks.Block:
    """Draw the scores of a run that has no questions."""
    metrics = told["metrics"]
    rows = tuple(
        (name, *(with_reach(numbers.get(metric["name"]), metric["share"]) for metric in metrics))
        for name, numbers in told["models"].items()
    )
    columns = ("model", *(metric["name"] for metric in metrics))
    return blocks.Table(f"Beside the table: {told['task']}", columns, rows, told["note"])


def _hundredth(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _row(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    row = [name]
    if data["average"]:
        row.append(_score(data["average"]["means"].get(name), True, name in data["average"]["level"]))
    for column in data["columns"]:
        cell = data["cells"].get(f"{name}\n{column['name']}")
        row.append(_score(cell, column["share"], name in column["level"]))
    return tuple(row)


def _score(found: Mapping[str, Any] | None, share: bool, level: bool) -> str:
    return f"{with_reach(found, share)}{' *' if level else ''}"


def _percent(cell: Mapping[str, Any] | None) -> float | None:
    return round(100 * cell["mean"], 2) if cell else None
