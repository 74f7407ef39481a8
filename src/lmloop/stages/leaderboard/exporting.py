"""A leaderboard as files: a table for people (Markdown), one for programs (CSV), and all of it (JSON)."""

import csv
import json
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from lmloop.core.draft import draft
from lmloop.core.errors import DataError

FORMS = (".csv", ".json", ".md")
FIELDS = ("mean", "se", "low", "high", "n", "items", "failed", "cut", "errors")


def write(data: Mapping[str, Any], path: Path) -> None:
    """Write a board into a file, in the form that its name says.

    Raises:
        DataError: the name says no form that is known.
    """
    if path.suffix not in FORMS:
        raise DataError(f"{path.name} says no form that is known", hint=f"there are: .html, {', '.join(FORMS)}")
    text = {".csv": as_csv, ".json": as_json, ".md": as_markdown}[path.suffix](data)
    with draft(path) as place:
        place.write_text(text, encoding="utf-8")


def as_csv(data: Mapping[str, Any]) -> str:
    """Write a line for each score, with all that is counted of it; then suites', from 0 to 100, and the rest."""
    out = StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["model", "task", "metric", *FIELDS, "rank_low", "rank_high", "clean_mean", "seen", "run"])
    for model, column, cell in _cells(data):
        clean = cell["clean"] or {"mean": "", "seen": ""}
        numbers = [cell[name] for name in FIELDS]
        rows.writerow(
            [
                model,
                column["name"],
                column["metric"],
                *numbers,
                *cell["ranks"],
                clean["mean"],
                clean["seen"],
                cell["run"],
            ]
        )
    for model, task, metric, number in _others(data):
        numbers = [number.get(name, "") for name in FIELDS]
        rows.writerow([model, task, metric, *numbers, "", "", "", "", number.get("run", "")])
    return out.getvalue()


def _others(data: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """List the numbers of suites, and those that stand beside the table."""
    for suite in data["suites"]:
        for model, found in suite["models"].items():
            for entry, value in {"average": found["total"], **found["entries"]}.items():
                if value is not None:
                    yield model, f"suite:{suite['name']}", entry, {"mean": value}
    for beside in data["beside"]:
        for model, numbers in beside["models"].items():
            for metric, number in numbers.items():
                yield model, beside["task"], metric, {**number, "run": beside["run"]}


def as_json(data: Mapping[str, Any]) -> str:
    """Write all of it."""
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def as_markdown(data: Mapping[str, Any]) -> str:
    """Write the table as one sees it: the best, and what cannot be told from it, in bold."""
    average = data["average"]
    heads = ["model", *(["average"] if average else []), *(column["name"] for column in data["columns"])]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for name in ordered(data):
        row = [name]
        if average:
            row.append(_number(average["means"].get(name), True, name in average["level"]))
        for column in data["columns"]:
            cell = data["cells"].get(f"{name}\n{column['name']}")
            row.append(_number(cell, column["share"], name in column["level"]))
        lines.append(_line(row))
    for each in data["suites"]:
        lines += _suite(each)
    for each in data["beside"]:
        lines += _beside(each)
    return "\n".join(lines) + "\n"


def _suite(told: Mapping[str, Any]) -> list[str]:
    heads = ["model", "average", *next(iter(told["models"].values()))["entries"]]
    lines = ["", f"{told['title']}", "", _line(heads), _line(["---"] * len(heads))]
    for name, found in told["models"].items():
        values = (found["total"], *found["entries"].values())
        lines.append(_line([name, *("–" if value is None else f"{value:.2f}" for value in values)]))
    return lines


def _beside(told: Mapping[str, Any]) -> list[str]:
    metrics = told["metrics"]
    heads = ["model", *(metric["name"] for metric in metrics)]
    lines = ["", f"{told['task']} ({told['run']})", "", _line(heads), _line(["---"] * len(heads))]
    for name, numbers in told["models"].items():
        lines.append(_line([name, *(with_reach(numbers.get(metric["name"]), metric["share"]) for metric in metrics)]))
    return [*lines, "", told["note"]]


def ordered(data: Mapping[str, Any]) -> list[str]:
    """Order the models: by the average where there is one, and else by the first column."""
    names = [model["name"] for model in data["models"]]
    first = data["columns"][0]
    if data["average"]:
        found, sign = data["average"]["means"], -1
    else:
        found = {name: data["cells"].get(f"{name}\n{first['name']}") for name in names}
        sign = -1 if first["higher"] else 1
    return sorted(names, key=lambda name: (not found.get(name), sign * (found.get(name) or {"mean": 0})["mean"], name))


def written(value: float | None, share: bool) -> str:
    """Write a score: a share in percent, anything from 100 on without a fraction."""
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if share else f"{value:.0f}" if abs(value) >= 100 else f"{value:.4g}"


def with_reach(found: Mapping[str, Any] | None, share: bool) -> str:
    """Write a score with the ends of its interval, which need not lie evenly about it; a dash where there is none."""
    if not found:
        return "–"
    low, high = found["low"], found["high"]
    reach = "" if low == high else f" ({written(low, share)} to {written(high, share)})"
    return f"{written(found['mean'], share)}{reach}"


def _number(found: Mapping[str, Any] | None, share: bool, bold: bool) -> str:
    text = with_reach(found, share)
    return f"**{text}**" if bold else text


def _line(cells: list[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _cells(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    for model in data["models"]:
        for column in data["columns"]:
            cell = data["cells"].get(f"{model['name']}\n{column['name']}")
            if cell:
                yield model["name"], column, cell
