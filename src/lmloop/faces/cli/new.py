"""``lmloop new``: a part of your own that works at once."""

from pathlib import Path

import click

from lmloop.faces.verb import Verb


@click.command(
    "new",
    cls=Verb,
    section="Parts and machine",
    examples=(
        "lmloop new op no-shouting --dir my_ops",
        "lmloop new reader paragraphs --dir my_readers",
        "lmloop new task spelling --dir my_tasks",
        "lmloop new model echo --dir my_models",
        "lmloop new stage first-rows --dir my_stages",
    ),
)
@click.argument("kind", type=click.Choice(("op", "reader", "task", "model", "stage")))
@click.argument("name")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Folder for it.  [default: here]")
def verb(kind: str, name: str, folder: Path | None) -> None:
    """Write a new part, with its test and its page.

    They are small and right as they are: change them into yours.

    In a checkout of lmloop without --dir, the part goes where parts of its kind live, under src/ and tests/.
    """
    from lmloop.faces.scaffold import Plot

    plot = Plot.choose(kind, name, folder)
    for path in plot.write():
        click.echo(path)
    click.echo(f"\nnext:\n{plot.next_steps()}", err=True)
