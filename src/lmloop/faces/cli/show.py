"""``lmloop show``: what a run is, what it found, and the rows it kept and dropped."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmloop.faces.options import HOME, JSON, complete_run
from lmloop.faces.terminal import columns, console, figure, heading, line, print_json, when
from lmloop.faces.verb import Verb, bundled
from lmloop.report.units import duration, size

if TYPE_CHECKING:
    from rich.console import Console

    from lmloop.core.card import Card
    from lmloop.faces.rows import Wanted

FILES_SHOWN = 8
METRICS_SHOWN = 24


@click.command(
    "show",
    cls=Verb,
    section="Recipes and runs",
    examples=(
        "lmloop show clean                           # the newest run of the step",
        "lmloop show clean --rows 3                  # the first rows it kept",
        "lmloop show clean --dropped -n 5            # what was dropped, why, and on what numbers",
        "lmloop show clean --dropped --op length --reason short",
        "lmloop show clean --dropped --json          # one JSON object a line",
        "lmloop show raw --json                      # the run card",
    ),
)
@click.argument("run", shell_complete=complete_run)
@HOME
@click.option("--rows", type=click.IntRange(1), metavar="N", help="Show the first N rows of the data.")
@click.option("--dropped", is_flag=True, help="Show dropped rows with reason, statistics and text.")
@bundled(
    "which",
    "lmloop.faces.rows:Wanted",
    click.option("--op", metavar="NAME", help="Of the dropped rows: those that this op dropped."),
    click.option("--reason", metavar="NAME", help="Of the dropped rows: those dropped for this reason."),
    click.option("-n", "count", type=click.IntRange(1), default=10, show_default=True, help="How many dropped rows."),
)
@JSON
def verb(run: str, home: Path, rows: int | None, dropped: bool, which: "Wanted", as_json: bool) -> None:
    """Show what a run is and what it found.

    RUN is a folder, its name, or the name of a step: then its newest run.
    """
