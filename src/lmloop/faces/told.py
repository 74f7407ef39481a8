"""How a run is told: a line a step while it goes, and at the end what the steps found."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from lmloop.core.card import Card
from lmloop.core.progress import Progress
from lmloop.core.recipe import Recipe
from lmloop.core.run import Run
from lmloop.core.step import BLOCKS
from lmloop.faces.terminal import console, main_numbers
from lmloop.report import blocks
from lmloop.report.page import Section
from lmloop.report.summary import show
from lmloop.report.units import duration

REPORT = "report.html"

HEADLINES = (blocks.Numbers, blocks.Funnel, blocks.Curve, blocks.Text)
"""What is printed at the end of a run; the rest is in the report and in ``lmloop show``."""


class Teller:
    """Tells a run. What is talk goes to stderr; what was found, to stdout."""

    def __init__(self, recipe: Recipe, progress: Progress) -> None:
        self.recipe = recipe
        self.progress = progress
        self.runs: list[Run] = []
        self.width = max(len(wired.id) for wired in recipe.steps) + len("-0123abcd")

    def tell(self, done: Run) -> None:
        """Say that a step is there."""
        self.runs.append(done)
        took = duration(done.card.seconds) if done.fresh else ""
        state = click.style("made", fg="green") if done.fresh else click.style("kept", dim=True)
        line = f"{state}  {done.path.name:{self.width}}  {took:>12}  {main_numbers(done.metrics)}".rstrip()
        self.progress.say(line if sys.stderr.isatty() else click.unstyle(line))

    def finish(self, everything: bool) -> None:
        """Print what was found by the steps made now, or by all, and where the report is."""
        fresh = [done for done in self.runs if done.fresh]
        shown = self.runs if everything else fresh
        if not shown:
            last = self.runs[-1].card.id
            self.progress.say(f"\nnothing to do; look at it with --summary, or with: lmloop show {last}")
        else:
            sections = [section(done.path, done.card) for done in shown]
            if not everything:
                sections = [headlines(found) for found in sections]
            show(console(), [found for found in sections if found.blocks])
        for path in reports(self.runs):
            click.echo(f"\nreport  {path}")


def section(folder: Path, card: Card) -> Section:
    """Gather what there is to show of a run."""
    place = folder / BLOCKS
    found = blocks.read(place) if place.exists() else ()
    return Section(card.id, card.use, folder.name, card.key, card.seconds, found)


def headlines(whole: Section) -> Section:
    """Keep what one wants to know at once."""
    return replace(whole, blocks=tuple(block for block in whole.blocks if isinstance(block, HEADLINES)))


def reports(runs: Sequence[Run]) -> list[Path]:
    """List the pages that the steps made."""
    return [done.path / REPORT for done in runs if (done.path / REPORT).is_file()]
