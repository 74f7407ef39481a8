"""``lmloop curate``: files in, a clean corpus out, without a recipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmloop.core.errors import RecipeError
from lmloop.faces.inputs import ingest_steps
from lmloop.faces.options import LIMITS, Limits
from lmloop.faces.recipes import find_recipe
from lmloop.faces.verb import Verb, bundled

if TYPE_CHECKING:
    from lmloop.core.recipe import Recipe

OPS = "unicode,length,gopher-quality,gopher-repetition,exact,minhash"


@dataclass(frozen=True, slots=True)
class Trying:
    """Whether to try ops on a sample, on which, and how to show what came of it."""

    dry: bool
    recipe: str | None
    sample: int
    report: Path | None
    as_json: bool


@click.command(
    "curate",
    cls=Verb,
    section="One step",
    examples=(
        "lmloop curate notes/ -o corpus/",
        'lmloop curate notes/*.txt rows.jsonl -o corpus/ --ops "unicode,exact"',
        'lmloop curate notes/ -o corpus/ --ops "unicode,length" --set length.min_characters=5',
        "lmloop curate rows.jsonl -o corpus/ --set raw-jsonl.reader.text=content",
        "lmloop curate --dry-run notes/              # what each op would drop, and where thresholds could lie",
        "lmloop curate --dry-run --recipe mine.toml --sample 2000 --report trial.html",
    ),
)
@click.argument("files", nargs=-1)
@click.option("-o", "--out", "home", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--ops", default=OPS, show_default=True, help="The ops, in order: names or ./my_op.py files.")
@click.option("--set", "sets", multiple=True, metavar="OP.SETTING=VALUE", help="Set a setting of an op or a step.")
@bundled(
    "trying",
    Trying,
    click.option("--dry-run", "dry", is_flag=True, help="Try the ops on a sample, and write nothing but --report."),
    click.option("--recipe", metavar="RECIPE", help="With --dry-run: try the ops (and read the files) of a recipe."),
    click.option(
        "--sample", type=click.IntRange(1), metavar="N", default=1000, show_default=True, help="Documents to try on."
    ),
    click.option(
        "--report", type=click.Path(path_type=Path, dir_okay=False), metavar="PAGE", help="Draw the trial as HTML, too."
    ),
    click.option("--json", "as_json", is_flag=True, help="With --dry-run: print JSON, for programs."),
)
@LIMITS
def verb(
    files: tuple[str, ...], home: Path | None, ops: str, sets: tuple[str, ...], trying: Trying, limits: Limits
) -> None:
    """Clean text files: read them, run ops over them, and draw a report.

    FILES are text (.txt, .md, .rst) or JSON Lines (.jsonl, .ndjson) files, or folders of them. It is a recipe of
    one step for each format (raw-text, raw-jsonl), and the steps clean and report; what is done is kept.
    """
    from lmloop.faces.cli.run import carry_out

    if trying.dry:
        _try(files, ops, sets, trying, limits)
        return
    if not files or home is None:
        missing = "FILES" if not files else "-o FOLDER"
        raise RecipeError(f"{missing} is missing", hint="lmloop curate notes/ -o corpus/, or with --dry-run")
    carry_out(_recipe(files, ops, sets), home, limits, summary=False)


def _try(files: tuple[str, ...], ops: str, sets: tuple[str, ...], trying: Trying, limits: Limits) -> None:
    from lmloop.core.recipe import Recipe
    from lmloop.core.run import cores
    from lmloop.faces import trial

    if not files and not trying.recipe:
        raise RecipeError("there is nothing to try on", hint="name files, or a recipe with --recipe")
    wanted = trial.Wanted(trying.sample, limits.workers or cores(), trying.report, trying.as_json)
    if trying.recipe:
        recipe = Recipe.read(find_recipe(trying.recipe), sets)
        readers = trial.readers_of(_recipe(files, "unicode", ())) if files else trial.readers_of(recipe)
    else:
        recipe = _recipe(files, ops, sets)
        readers = trial.readers_of(recipe)
    trial.carry_out(recipe, readers, wanted)


def _recipe(files: tuple[str, ...], ops: str, sets: Sequence[str]) -> "Recipe":
    """Make the recipe that files and ops stand for."""
    from lmloop.core.listing import names
    from lmloop.core.recipe import Recipe

    used = [name.strip() for name in ops.split(",") if name.strip()]
    if not used:
        raise RecipeError("no ops are given", hint=f"the default is --ops {OPS}")
    raws = ingest_steps(files)
    steps = [*raws, {"id": "clean", "use": "curate", "from": [raw["id"] for raw in raws], "ops": used}]
    if "report" in names("stages"):
        steps.append({"id": "report", "use": "report", "from": ["clean"]})
    placed = [f"clean.ops.{item}" if item.partition(".")[0] in used else item for item in sets]
    return Recipe.check({"name": "curate", "step": steps}, Path.cwd(), sets=placed)
