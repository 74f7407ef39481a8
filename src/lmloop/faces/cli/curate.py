"""``lmloop curate``: files in, a clean corpus out, without a recipe."""

from pathlib import Path

import click

from lmloop.core.errors import RecipeError
from lmloop.faces.inputs import ingest_steps
from lmloop.faces.options import LIMITS, Limits
from lmloop.faces.verb import Verb

OPS = "unicode,length,gopher-quality,gopher-repetition,exact,minhash"


@click.command(
    "curate",
    cls=Verb,
    section="One step",
    examples=(
        "lmloop curate notes/ -o corpus/",
        'lmloop curate notes/*.txt rows.jsonl -o corpus/ --ops "unicode,exact"',
        'lmloop curate notes/ -o corpus/ --ops "unicode,length" --set length.min_characters=5',
        "lmloop curate rows.jsonl -o corpus/ --set raw-jsonl.reader.text=content",
    ),
)
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--out", "home", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@click.option("--ops", default=OPS, show_default=True, help="The ops, in order: names or ./my_op.py files.")
@click.option("--set", "sets", multiple=True, metavar="OP.SETTING=VALUE", help="Set a setting of an op or a step.")
@LIMITS
def verb(files: tuple[str, ...], home: Path, ops: str, sets: tuple[str, ...], limits: Limits) -> None:
    """Clean text files: read them, run ops over them, and draw a report.

    FILES are text (.txt, .md, .rst) or JSON Lines (.jsonl, .ndjson) files, or folders of them. It is a recipe of
    one step for each format (raw-text, raw-jsonl), and the steps clean and report; what is done is kept.
    """
    from lmloop.core.listing import names
    from lmloop.core.recipe import Recipe
    from lmloop.faces.cli.run import carry_out

    used = [name.strip() for name in ops.split(",") if name.strip()]
    if not used:
        raise RecipeError("no ops are given", hint=f"the default is --ops {OPS}")
    raws = ingest_steps(files)
    steps = [*raws, {"id": "clean", "use": "curate", "from": [raw["id"] for raw in raws], "ops": used}]
    if "report" in names("stages"):
        steps.append({"id": "report", "use": "report", "from": ["clean"]})
    placed = [f"clean.ops.{item}" if item.partition(".")[0] in used else item for item in sets]
    recipe = Recipe.check({"name": "curate", "step": steps}, Path.cwd(), sets=placed)
    carry_out(recipe, home, limits, summary=False)
