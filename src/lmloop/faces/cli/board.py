"""``lmloop board``: a leaderboard of scores, served to a browser on this machine or written into a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmloop.core.errors import DataError
from lmloop.faces.options import HOME, complete_run
from lmloop.faces.verb import Verb

if TYPE_CHECKING:
    from lmloop.core.card import Card

PORT = 8723


@click.command(
    "board",
    cls=Verb,
    section="Recipes and runs",
    examples=(
        "lmloop board                                # all newest scores, at http://127.0.0.1:8723",
        "lmloop board scores-0123abcd scores --port 0",
        "lmloop board scores --write board.html      # no server: a page, or .md, .csv, .json",
    ),
)
@click.argument("runs", nargs=-1, shell_complete=complete_run)
@HOME
@click.option("--host", default="127.0.0.1", show_default=True, help="Whom to serve: this machine only by default.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any that is free.")
@click.option("--title", default="Leaderboard", show_default=True, help="What stands at the top.")
@click.option(
    "--write",
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it, serve nothing.",
)
def verb(runs: tuple[str, ...], home: Path, host: str, port: int, title: str, out: Path | None) -> None:
    """Compare models: scores with intervals, ranks and paired tests, and every item side by side.

    RUNS are runs of evaluate or leaderboard, by folder or by the name of a step; without any, the newest scores of each
    step. A million items are no trouble: the page asks for those that are looked at.
    """
    from lmloop.core import progress
    from lmloop.core.draft import draft
    from lmloop.faces import board_server
    from lmloop.stages.leaderboard import Leaderboard, exporting, page_of, told
    from lmloop.stages.leaderboard.gathering import gather

    board = gather(_folders(home, runs))
    data = told(board, progress.default())
    if out is None:
        board_server.serve(board_server.Shown(title, board, data), host, port)
    elif out.suffix == ".html":
        with draft(out) as place:
            place.write_text(page_of(title, board, data, Leaderboard().samples), encoding="utf-8")
        click.echo(out)
    else:
        exporting.write(data, out)
        click.echo(out)


def _folders(home: Path, runs: Sequence[str]) -> list[Path]:
    """Find the folders of scores that are meant, each once.

    Raises:
        DataError: there are none.
    """
    from lmloop.core.card import Card
    from lmloop.core.lineage import find_run, finished
    from lmloop.core.scores import FILE as SCORES

    if not runs:
        newest = {card.id: home / card.folder for card in finished(home) if (home / card.folder / SCORES).is_file()}
        if not newest:
            raise DataError(f"there are no scores in {home}", hint="lmloop eval toy --tasks spelling")
        return list(newest.values())
    found: list[Path] = []
    for name in runs:
        folder = find_run(home, name)
        found += _scores_of(folder, Card.read(folder))
    return list(dict.fromkeys(found))


def _scores_of(folder: Path, card: "Card") -> list[Path]:
    """Of a leaderboard, the scores that it was made from."""
    if card.use == "leaderboard":
        return [folder.parent / parent for parent in card.parents.values()]
    return [folder]
