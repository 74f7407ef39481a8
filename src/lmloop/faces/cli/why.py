"""``lmloop why``: what a run came from, down to the input files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmloop.faces.options import HOME, JSON, complete_run
from lmloop.faces.terminal import console, main_numbers, print_json
from lmloop.faces.verb import Verb
from lmloop.report.units import duration, size

if TYPE_CHECKING:
    from rich.tree import Tree

    from lmloop.core.lineage import Ancestor

SOURCES = "sources.jsonl"
FILES_SHOWN = 3


@click.command(
    "why",
    cls=Verb,
    section="Recipes and runs",
    examples=(
        "lmloop why report",
        "lmloop why clean --files                    # every input file",
        "lmloop why clean --json",
    ),
)
@click.argument("run", shell_complete=complete_run)
@HOME
@click.option("--files", is_flag=True, help="List all input files, not only the first.")
@JSON
def verb(run: str, home: Path, files: bool, as_json: bool) -> None:
    """Show what a run came from, down to the input files.

    Each step is shown with the settings that are not defaults. RUN is a folder, its name, or the name of a step.
    """
    from lmloop.core.lineage import ancestors, find_run

    folder = find_run(home, run)
    found = list(ancestors(folder.parent, folder))
    most = None if files else FILES_SHOWN
    if as_json:
        print_json([_row(folder.parent, ancestor, most) for ancestor in found])
    else:
        console().print(_tree(folder.parent, found, most))


def _row(home: Path, ancestor: "Ancestor", most: int | None) -> dict[str, Any]:
    from lmloop.faces.settings import unusual

    card = ancestor.card
    row: dict[str, Any] = {"depth": ancestor.depth, "wire": ancestor.wire, "folder": ancestor.folder}
    if card is not None:
        row |= {"use": card.use, "seed": card.seed, "seconds": card.seconds, "settings": unusual(card.settings)}
        row |= {"parents": dict(card.parents), "metrics": dict(card.metrics)}
        names, total, amount = _sources(home / ancestor.folder, most)
        row |= {"files": {"count": total, "bytes": amount, "names": names}} if total else {}
    return row


def _tree(home: Path, found: "Sequence[Ancestor]", most: int | None) -> "Tree":
    from rich.text import Text
    from rich.tree import Tree

    shown: set[str] = set()
    root = Tree(_label(found[0]), guide_style="dim")
    levels = [root]
    for ancestor in found:
        node = root
        if ancestor.depth:
            node = levels[ancestor.depth - 1].add(_label(ancestor))
        levels[ancestor.depth :] = [node]
        if ancestor.card is not None and ancestor.folder in shown:
            node.add(Text("as above", style="dim"))
        elif ancestor.card is not None:
            shown.add(ancestor.folder)
            _add_details(node, home / ancestor.folder, ancestor.card.settings, most)
    return root


def _label(ancestor: "Ancestor") -> Any:
    from rich.text import Text

    label = Text(ancestor.folder, style="bold")
    if ancestor.card is None:
        gone = "a position in the event log" if ancestor.wire.startswith("log:") else "is gone"
        return label.append(f"  {gone}", style="yellow")
    card = ancestor.card
    numbers = main_numbers(card.metrics)
    told = f"  {card.use}, {duration(card.seconds)}" + (f": {numbers}" if numbers else "")
    return label.append(told, style="not bold dim")


def _add_details(node: "Tree", folder: Path, settings: Any, most: int | None) -> None:
    from rich.text import Text

    from lmloop.faces.settings import unusual, write
    from lmloop.report.prose import clean

    for name, value in unusual(settings).items():
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            branch = node.add(Text(name))
            for item in value:
                branch.add(Text(clean(write(item))))
        else:
            node.add(Text(clean(f"{name} = {write(value)}")))
    names, total, amount = _sources(folder, most)
    if total:
        files = node.add(Text(f"{total:,} files, {size(amount)}", style="cyan"))
        for name in names:
            files.add(Text(clean(name)))
        if len(names) < total:
            files.add(Text(f"and {total - len(names):,} more: --files lists them", style="dim"))


def _sources(folder: Path, most: int | None) -> tuple[list[str], int, int]:
    """Give the names of the first files that a step read, and how many and how large all are."""
    if not (folder / SOURCES).is_file():
        return [], 0, 0
    names: list[str] = []
    total = amount = 0
    with (folder / SOURCES).open(encoding="utf-8", errors="surrogateescape") as lines:
        for text in lines:
            row = json.loads(text)
            total, amount = total + 1, amount + row["bytes"]
            if most is None or len(names) < most:
                names.append(row["name"])
    return names, total, amount
