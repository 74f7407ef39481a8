"""``lmloop run``: carry out a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmloop.faces.options import HOME, LIMITS, RECIPE, SETS, Limits
from lmloop.faces.recipes import find_recipe
from lmloop.faces.verb import Verb

if TYPE_CHECKING:
    from lmloop.core.recipe import Recipe


@click.command(
    "run",
    cls=Verb,
    section="Recipes and runs",
    examples=(
        "lmloop run quickstart                       # a recipe that comes with lmloop",
        "lmloop run mine.toml --until clean          # stop after one step",
        "lmloop run mine.toml --set clean.dropped=all --set seed=3",
        "lmloop run mine.toml --workers 2 --memory 1GB",
        "lmloop run mine.toml --summary              # what all steps found, also those kept",
        "lmloop run mine.toml --quiet                # print only the folder of the last step",
    ),
)
@RECIPE
@SETS
@HOME
@LIMITS
@click.option("--until", metavar="STEP", help="Make this step and what it needs, and no more.")
@click.option("--summary", is_flag=True, help="Show what all steps found, not only those made now.")
def verb(recipe: str, sets: tuple[str, ...], home: Path, limits: Limits, until: str | None, summary: bool) -> None:
    """Carry out a recipe; what is done already is kept.

    RECIPE is a TOML file, or the name of a recipe that comes with lmloop. Stop it at any moment: running it again
    goes on from there, and gives the same bytes for any number of workers.
    """
    from lmloop.core.recipe import Recipe

    checked = Recipe.read(find_recipe(recipe), sets)
    carry_out(checked.upto(until) if until else checked, home, limits, summary)


def carry_out(recipe: "Recipe", home: Path, limits: Limits, summary: bool) -> None:
    """Carry out a checked recipe, tell each step on stderr, and print what was found."""
    from lmloop.core import progress
    from lmloop.core.run import carry_out as steps
    from lmloop.core.run import cores
    from lmloop.core.step import Context
    from lmloop.faces.told import Teller

    told = progress.Silent() if limits.quiet else progress.default()
    context = Context(recipe.seed, limits.workers or cores(), limits.memory, limits.engine, recipe.folder, told)
    teller = Teller(recipe, told)
    for done in steps(recipe, home, context):
        teller.tell(done)
    if limits.quiet:
        click.echo(teller.runs[-1].path)
    else:
        teller.finish(everything=summary)
