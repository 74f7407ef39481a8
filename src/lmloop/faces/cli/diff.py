"""``lmloop diff``: what two runs differ in."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmloop.faces import score_changes
from lmloop.faces.options import HOME, JSON, UNMASK, complete_run
from lmloop.faces.terminal import console, heading, line, paragraph, print_json, when
from lmloop.faces.verb import Verb

if TYPE_CHECKING:
    from rich.console import Console

    from lmloop.core.verdicts import Changes

EXCERPT = 300


@click.command(
    "diff",
    cls=Verb,
    section="Recipes and runs",
    examples=(
        "lmloop diff clean-0123abcd clean-89abcdef   # names as `lmloop list runs` gives them",
        "lmloop diff clean-0123abcd clean            # against the newest run of the step",
        "lmloop diff clean-0123abcd clean --rows 3   # and some rows of each change of verdict",
        "lmloop diff clean-0123abcd clean --json",
    ),
)
@click.argument("before", shell_complete=complete_run)
@click.argument("after", shell_complete=complete_run)
@HOME
@click.option("--rows", type=click.IntRange(0), metavar="N", default=1, show_default=True, help="Rows of each change.")
@UNMASK
@JSON
def verb(before: str, after: str, home: Path, rows: int, unmask: bool, as_json: bool) -> None:
    """Show what differs between two runs.

    Settings, inputs, results and versions are compared, one line a difference; of two curations also which rows
    changed verdict; of two evaluations why the scores differ (shots, template, stop, extraction, data, model), on which
    items, and whether that is more than chance. Personal data in texts is masked where one of the two
    looks for it. BEFORE and AFTER are folders, their names, or the name of a step: then its newest run.
    """
    from lmloop.core.card import Card
    from lmloop.core.lineage import compare, find_run
    from lmloop.core.verdicts import is_curated
    from lmloop.report.changes import changes_between
    from lmloop.stages.leaderboard.changes import are_scores

    paths = find_run(home, before), find_run(home, after)
    cards = Card.read(paths[0]), Card.read(paths[1])
    found = compare(*cards)
    curated = all(map(is_curated, paths)) and paths[0] != paths[1]
    changes = changes_between(*paths, rows, unmask) if curated else None
    scored = score_changes.find(*paths, rows) if are_scores(*cards) else None
    if as_json:
        scores = {"scores": score_changes.plain(scored)} if scored is not None else {}
        print_json({**found, **({"verdicts": _plain(changes)} if changes else {}), **scores})
        return
    out = console()
    for path, card, sign in zip(paths, cards, ("-", "+"), strict=True):
        line(out, f"{sign} {path.name}  {card.use}, {when(card)}", "bold")
    for part, differences in found.items():
        if differences:
            heading(out, part.capitalize())
            for text in differences:
                paragraph(out, text, indent=2)
    if changes:
        _show_changes(out, changes)
    if scored is not None:
        score_changes.show(out, scored)
    if not any(found.values()):
        line(out, "no difference")


def _show_changes(out: "Console", changes: "Changes") -> None:
    from lmloop.report.changes import TEXT_NOT_KEPT, judged, source_of

    heading(out, f"Verdicts  {changes.rows:,} rows changed, {changes.same:,} did not")
    for each in changes.changed:
        line(out, f"{each.rows:>8,}  {each.before} -> {each.after}", indent=2)
        for row in each.samples:
            told = " · ".join(part for part in (source_of(row) or row["id"], judged(row)) if part)
            line(out, told, "dim", indent=12)
            text = row["text"] if row["text"] is not None else TEXT_NOT_KEPT
            line(out, " ".join(text[:EXCERPT].split()), indent=12)


def _plain(changes: "Changes") -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(changes), "rows": changes.rows}
