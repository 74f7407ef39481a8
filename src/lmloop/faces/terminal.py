"""How things look in a terminal: columns, numbers, runs in one line."""

import json
import os
import sys
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from lmloop.report.units import duration, number, size

if TYPE_CHECKING:
    from rich.console import Console

    from lmloop.core.card import Card

PIPE_WIDTH = 120
"""How wide lines are where there is no terminal to ask."""

NUMBERS_SHOWN = 4

NARROWEST = 20
"""Texts are not broken into lines that are shorter than this."""


def console() -> "Console":
    """Open stdout for drawing; where it is no terminal, lines are as wide as COLUMNS says, or 120."""
    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if known else PIPE_WIDTH, highlight=False)


def columns(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """Lay out cells in columns with two spaces between; an ideograph counts as two cells wide."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for place, (text, width) in enumerate(zip(row, widths, strict=True)):
            gap = " " * (width - cell_len(text))
            cells.append(gap + text if place in right else text + gap)
        lines.append("  ".join(cells).rstrip())
    return lines


def line(out: "Console", text: str, style: str = "", indent: int = 0) -> None:
    """Print one line, cut with an ellipsis where the terminal ends."""
    from rich.text import Text

    from lmloop.report.prose import clean

    out.print(Text(" " * indent + clean(text), style=style), no_wrap=True, overflow="ellipsis", crop=True)


def paragraph(out: "Console", text: str, style: str = "", indent: int = 0, head: str = "") -> None:
    """Print a text of any length, broken into lines that are all indented; ``head`` stands before the first."""
    from rich.text import Text

    from lmloop.report.prose import clean

    # not rich's padding: it fills lines with spaces up to the edge, which nobody wants in a file
    for part in Text(clean(text)).wrap(out, max(out.width - indent, NARROWEST)):
        out.print(Text(f"{head:{indent}}{part.plain}".rstrip(), style=style), no_wrap=True, crop=False)
        head = ""


def heading(out: "Console", text: str) -> None:
    """Print a heading with a blank line before it."""
    out.print()
    line(out, text, "bold")


def print_json(value: Any) -> None:
    """Print JSON for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def figure(name: str, value: Any) -> str:
    """Write a metric as a person reads it: bytes and seconds with their unit, large numbers with commas."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if name in ("bytes", "bytes_in", "bytes_out"):
        return size(value)
    return duration(value) if name == "seconds" or name.endswith("_seconds") else number(value)


def main_numbers(metrics: Mapping[str, Any]) -> str:
    """Put a run's first few numbers in one line; those with a ``/`` in their name are details."""
    shown = [name for name in metrics if "/" not in name and not name.endswith("_in")][:NUMBERS_SHOWN]
    return ", ".join(_counted(name, metrics[name]) for name in shown)


def _counted(name: str, value: Any) -> str:
    """Write ``1 file``, ``3 files``, ``4.2 MB``."""
    if name == "bytes":
        return figure(name, value)
    thing = name.replace("_", " ")
    return f"{figure(name, value)} {thing.removesuffix('s') if value == 1 else thing}"


def when(card: "Card") -> str:
    """Say when a run was finished, in the clock of this machine."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(card.finished).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return card.finished or "some time ago"
