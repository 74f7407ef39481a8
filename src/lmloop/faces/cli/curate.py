"""``lmloop curate``: files in, a clean corpus out, without a recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from lmloop.core.errors import DataError, RecipeError
from lmloop.faces.options import LIMITS, Limits
from lmloop.faces.verb import Verb

OPS = "unicode,length,gopher-quality,gopher-repetition,exact,minhash"
READERS = {".txt": "text", ".md": "text", ".rst": "text", ".jsonl": "jsonl", ".ndjson": "jsonl"}


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
    raws = _raws(files)
    steps = [*raws, {"id": "clean", "use": "curate", "from": [raw["id"] for raw in raws], "ops": used}]
    if "report" in names("stages"):
        steps.append({"id": "report", "use": "report", "from": ["clean"]})
    placed = [f"clean.ops.{item}" if item.partition(".")[0] in used else item for item in sets]
    recipe = Recipe.check({"name": "curate", "step": steps}, Path.cwd(), sets=placed)
    carry_out(recipe, home, limits, summary=False)


def _raws(files: Sequence[str]) -> list[dict[str, Any]]:
    """Make an ingest step for each format that the files have."""
    formats: dict[str, list[str]] = {}
    for name in files:
        for reader in _readers(Path(name)):
            formats.setdefault(reader, []).append(name)
    return [
        {"id": f"raw-{reader}", "use": "ingest", "reader": {"use": reader, "files": names}}
        for reader, names in formats.items()
    ]


def _readers(path: Path) -> list[str]:
    """Say which readers a file, a folder or a pattern needs, by the endings of its files."""
    if path.is_dir():
        endings = {file.suffix.lower() for file in path.rglob("*") if file.is_file()}
    elif path.exists() or path.suffix:
        endings = {path.suffix.lower()}
    else:
        endings = set()
    if not path.exists() and not any(letter in str(path) for letter in "*?["):
        raise DataError(f"there is no file or folder {str(path)!r}")
    readers = sorted({READERS[ending] for ending in endings if ending in READERS})
    if not readers:
        raise DataError(
            f"no reader for {str(path)!r}", hint=f"known endings: {', '.join(READERS)}; others want a recipe"
        )
    return readers
