"""How two runs of scores differ, told in a terminal: why, by how much, and on which items."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmloop.faces.terminal import heading, line, paragraph

if TYPE_CHECKING:
    from rich.console import Console

    from lmloop.stages.leaderboard.changes import Changed

EXCERPT = 100


def find(before: Path, after: Path, rows: int) -> "list[Changed]":
    """Compare two runs of scores, with some items each."""
    from lmloop.stages.leaderboard.changes import changes

    return changes(before, after, rows)


def show(out: "Console", found: "Sequence[Changed]") -> None:
    """Print each model and task: the scores, why they differ, and some items."""
    heading(out, "Scores")
    if not found:
        line(out, "no model and task is in both", "dim", indent=2)
    for each in found:
        gap = each.difference
        line(
            out,
            f"{each.model}, {each.task}: {each.before.metric} {each.before.mean:.4f} -> {each.after.mean:.4f}",
            "bold",
            indent=2,
        )
        told = (
            f"{gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f}) on {gap.n:,} common items: {gap.gained:,} better, "
            f"{gap.lost:,} worse; {gap.test}, p = {gap.p:.3g}, with Holm {each.holm:.3g}"
        )
        paragraph(out, told, indent=4)
        for text in each.why or ("asked alike, and of the same model",):
            paragraph(out, text, "yellow" if each.why else "dim", indent=4)
        for before, after in each.samples:
            question = " ".join((before["question"] or "").split())[:EXCERPT]
            line(out, f"{before['record']}  {question}", "dim", indent=6)
            line(out, f"{_verdict(before)} -> {_verdict(after)}", indent=8)


def plain(found: "Sequence[Changed]") -> list[dict[str, Any]]:
    """Give it as plain data."""
    return [asdict(each) for each in found]


def _verdict(row: dict[str, Any]) -> str:
    said = " ".join(str(row["extracted"] if row["extracted"] is not None else "no answer").split())[:40]
    return f"{said!r} ({row['value']:g})"
