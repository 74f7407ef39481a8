"""``lmloop show``: what a run is, what it found, and the rows it kept and dropped."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmloop.faces import clusters as copies
from lmloop.faces import rows as look
from lmloop.faces.options import HOME, JSON, UNMASK, complete_run
from lmloop.faces.terminal import columns, console, figure, heading, line, paragraph, print_json, when
from lmloop.faces.verb import Verb, bundled
from lmloop.report.units import duration, size

if TYPE_CHECKING:
    from rich.console import Console

    from lmloop.core.card import Card
    from lmloop.core.dropped import Choice

FILES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Which:
    """Which of the dropped rows, or of the clusters of copies, to show."""

    clusters: bool
    op: str | None
    reason: str | None
    source: str | None
    grep: str | None
    near: float | None
    sort: str | None
    count: int
    unmask: bool


@click.command(
    "show",
    cls=Verb,
    section="Recipes and runs",
    examples=(
        "lmloop show clean                           # the newest run of the step",
        "lmloop show clean --rows 3                  # the first rows it kept",
        "lmloop show clean --dropped -n 5            # what was dropped, why, and on what numbers",
        "lmloop show clean --dropped --op length --reason short",
        "lmloop show clean --dropped --near-threshold --op length",
        "lmloop show clean --dropped --sort=-characters --source notes/ --limit 3",
        "lmloop show clean --dropped --limit 0 --json    # every one, a JSON object a line",
        "lmloop show clean --clusters -n 3           # what was taken for copies, how alike, and what stayed",
        "lmloop show raw --json                      # the run card",
    ),
)
@click.argument("run", shell_complete=complete_run)
@HOME
@click.option("--rows", type=click.IntRange(1), metavar="N", help="Show the first N rows of the data.")
@click.option("--dropped", is_flag=True, help="Show dropped rows with reason, statistics and text.")
@bundled(
    "which",
    Which,
    click.option("--clusters", is_flag=True, help="Show the largest clusters of copies, with the one that stayed."),
    click.option("--op", metavar="NAME", help="Of the dropped rows, or the clusters: those of this op."),
    click.option("--reason", metavar="NAME", help="Of the dropped rows: those dropped for this reason."),
    click.option("--source", metavar="NAME", help="Of the dropped rows: those from there (part of a name, or *.md)."),
    click.option("--grep", metavar="REGEX", help="Of the dropped rows: those with this in their kept text."),
    click.option(
        "--near-threshold",
        "near",
        type=click.FloatRange(0),
        is_flag=False,
        flag_value=0.1,
        metavar="SHARE",
        help="Of the dropped rows: those that a little more would have kept, nearest first.  [0.1: within 10 %]",
    ),
    click.option("--sort", metavar="STAT", help="Order dropped rows by a statistic; -STAT: the largest first."),
    click.option(
        *("-n", "--limit", "count"),
        type=click.IntRange(0),
        metavar="N",
        default=10,
        show_default=True,
        help="How many dropped rows (0: all) or clusters.",
    ),
    UNMASK,
)
@JSON
def verb(run: str, home: Path, rows: int | None, dropped: bool, which: Which, as_json: bool) -> None:
    """Show what a run is and what it found.

    Where its ops look for personal data, texts are shown with it masked, as in the report.

    RUN is a folder, its name, or the name of a step: then its newest run.
    """
    from lmloop.core.card import Card
    from lmloop.core.lineage import find_run
    from lmloop.report.masks import runs_masker

    folder = find_run(home, run)
    card = Card.read(folder)
    mask = runs_masker([card], which.unmask)
    if which.clusters:
        copies.print_clusters(copies.clusters(folder, card, which.count, which.op, mask), as_json)
    elif dropped:
        look.print_rows(look.masked(look.dropped(folder, card, _choice(which)), mask), as_json)
    elif rows:
        look.print_rows(look.masked(look.kept(folder, rows), mask), as_json)
    elif as_json:
        print_json({"folder": folder.as_posix(), **asdict(card)})
    else:
        _show(folder, card)


def _choice(which: Which) -> "Choice":
    from lmloop.core.dropped import Choice

    asked = {name: value for name, value in asdict(which).items() if name not in ("clusters", "unmask")}
    return Choice(**{**asked, "count": which.count or None})


def _show(folder: Path, card: "Card") -> None:
    from lmloop.faces.told import section
    from lmloop.report.summary import show

    out = console()
    _show_head(out, folder, card)
    found = section(folder, card)
    _show_settings(out, card)
    _show_metrics(out, card, details=not found.blocks)
    _show_files(out, folder, card)
    if found.blocks:
        show(out, [found])


def _show_head(out: "Console", folder: Path, card: "Card") -> None:
    line(out, folder.name, "bold")
    seed = f"seed {card.seed}"
    line(out, f"{card.makes}, made by {card.use} in {duration(card.seconds)} on {when(card)}", indent=2)
    line(out, f"recipe {card.recipe}, {seed}, key {card.key}", "dim", indent=2)
    parents = ", ".join(card.parents.values())
    outside = card.outside if isinstance(card.outside, dict) else {}
    if parents:
        line(out, f"from {parents}", indent=2)
    if "files" in outside:
        line(out, f"from {outside['files']:,} files, {size(outside.get('bytes'))}", indent=2)


def _show_settings(out: "Console", card: "Card") -> None:
    from lmloop.faces.settings import unusual, write

    settings = unusual(card.settings)
    heading(out, "Settings that are not defaults")
    if not settings:
        line(out, "none", "dim", indent=2)
    for name, value in settings.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            line(out, name, indent=2)
            for item in value:
                paragraph(out, write(item), indent=4)
        else:
            paragraph(out, f"{name} = {write(value)}", indent=2)


def _show_metrics(out: "Console", card: "Card", details: bool) -> None:
    """Show the numbers; those with a ``/`` in their name are details, which blocks show better."""
    rows = [(name, figure(name, value)) for name, value in card.metrics.items() if details or "/" not in name]
    if rows:
        heading(out, "Numbers")
        for text in columns(rows, right=(1,)):
            line(out, text, indent=2)


def _show_files(out: "Console", folder: Path, card: "Card") -> None:
    total = sum(row["bytes"] for row in card.files.values())
    heading(out, f"Files  {len(card.files):,}, {size(total)}, in {folder}")
    rows = [(name, size(row["bytes"])) for name, row in list(card.files.items())[:FILES_SHOWN]]
    for text in columns(rows, right=(1,)) if rows else ():
        line(out, text, indent=2)
    if len(card.files) > FILES_SHOWN:
        line(out, f"and {len(card.files) - FILES_SHOWN:,} more", "dim", indent=2)
