"""``lmloop diff``: what two runs differ in."""

from pathlib import Path

import click

from lmloop.faces.options import HOME, JSON, complete_run
from lmloop.faces.terminal import console, heading, line, paragraph, print_json, when
from lmloop.faces.verb import Verb


@click.command(
    "diff",
    cls=Verb,
    section="Recipes and runs",
    examples=(
        "lmloop diff clean-0123abcd clean-89abcdef   # names as `lmloop list runs` gives them",
        "lmloop diff clean-0123abcd clean            # against the newest run of the step",
        "lmloop diff clean-0123abcd clean --json",
    ),
)
@click.argument("before", shell_complete=complete_run)
@click.argument("after", shell_complete=complete_run)
@HOME
@JSON
def verb(before: str, after: str, home: Path, as_json: bool) -> None:
    """Show what differs between two runs.

    Settings, inputs, results and versions are compared, one line a difference. BEFORE and AFTER are folders, their
    names, or the name of a step: then its newest run.
    """
    from lmloop.core.card import Card
    from lmloop.core.lineage import compare, find_run

    paths = find_run(home, before), find_run(home, after)
    cards = Card.read(paths[0]), Card.read(paths[1])
    found = compare(*cards)
    if as_json:
        print_json(found)
        return
    out = console()
    for path, card, sign in zip(paths, cards, ("-", "+"), strict=True):
        line(out, f"{sign} {path.name}  {card.use}, {when(card)}", "bold")
    for part, differences in found.items():
        if differences:
            heading(out, part.capitalize())
            for text in differences:
                paragraph(out, text, indent=2)
    if not any(found.values()):
        line(out, "no difference")
