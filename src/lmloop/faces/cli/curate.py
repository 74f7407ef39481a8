"""``lmloop curate``: files in, a clean corpus out, without a recipe."""

from pathlib import Path
from typing import Any

import click

from lmloop.core.errors import DataError, RecipeError
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
        "lmloop curate rows.jsonl -o corpus/ --set jsonl.text=content",
    ),
)
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--out", "home", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@click.option("--ops", default=OPS, show_default=True, help="The ops, in order: names or ./my_op.py files.")
@click.option("--set", "sets", multiple=True, metavar="NAME.SETTING=VALUE", help="Set what an op, reader or step has.")
@LIMITS
def verb(files: tuple[str, ...], home: Path, ops: str, sets: tuple[str, ...], limits: Limits) -> None:
    """Clean files of any format: read them, run ops over them, and draw a report.

    FILES are files, folders, patterns or URLs (s3://bucket/*.jsonl.gz): text, JSON Lines, tables, web pages and
    archives, PDF, books, code. Each is read by the reader for its ending; what none knows is counted and listed. It is
    a recipe of the steps raw, clean and report; what is done is kept.
    """
    from lmloop.core.listing import names, own_names
    from lmloop.core.recipe import Recipe
    from lmloop.faces.cli.run import carry_out

    used = [name.strip() for name in ops.split(",") if name.strip()]
    if not used:
        raise RecipeError("no ops are given", hint=f"the default is --ops {OPS}")
    for name in files:
        if not Path(name).exists() and not any(letter in name for letter in "*?[") and "://" not in name:
            raise DataError(f"there is no file or folder {name!r}")
    steps: list[dict[str, Any]] = [
        {"id": "raw", "use": "ingest", "reader": {"use": "files", "files": list(files)}},
        {"id": "clean", "use": "curate", "from": ["raw"], "ops": used},
    ]
    if "report" in names("stages"):
        steps.append({"id": "report", "use": "report", "from": ["clean"]})
    places = {**dict.fromkeys(own_names("readers"), "raw.reader.settings."), **dict.fromkeys(used, "clean.ops.")}
    placed = [places.get(item.partition(".")[0], "") + item for item in sets]
    recipe = Recipe.check({"name": "curate", "step": steps}, Path.cwd(), sets=placed)
    carry_out(recipe, home, limits, summary=False)
