"""The page of a leaderboard: one HTML file that draws itself from plain data, from a file or from a server."""

import json
from collections.abc import Mapping
from typing import Any

from lmloop.report.page import framed

STYLES = ("page.css", "blocks.css", "board.css")
SCRIPTS = ("page.js", "board.js", "board-table.js", "board-plots.js", "board-items.js", "board-about.js")


def render(title: str, data: Mapping[str, Any], live: bool = False) -> str:
    """Draw the page; a ``live`` one asks its server for items, any other holds some of them itself."""
    questions = sum(column["data"].get("questions", 0) for column in data["columns"])
    counts = {
        "models": len(data["models"]),
        "tasks": len(data["columns"]),
        "questions": questions,
        "runs": len(data["runs"]),
    }
    facts = {name: f"{count:,}" for name, count in counts.items()}
    values = {"title": title, "facts": facts, "parts": _parts(data), "live": live, "data": _markup(data)}
    return framed("board.html", STYLES, SCRIPTS, values)


def _parts(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    parts = [("scores", "Scores"), ("plots", "Plots"), ("pairs", "Who is better"), ("items", "Items")]
    if data.get("suites"):
        parts.insert(1, ("suites", "Suites"))
    if data.get("beside"):
        parts.insert(-3, ("beside", "Beside the table"))
    parts.append(("protocols", "How it was asked"))
    if any(cell["clean"] for cell in data["cells"].values()):
        parts.append(("contamination", "Seen in training"))
    return [*parts, ("runs", "Where it comes from")]


def _markup(data: Mapping[str, Any]) -> Any:
    """Write data as JSON that no text in it can end or leave."""
    import markupsafe

    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return markupsafe.Markup(safe.encode("utf-8", "replace").decode("utf-8"))
