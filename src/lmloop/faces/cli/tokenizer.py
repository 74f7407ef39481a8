"""``lmloop tokenizer``: train, compare, extend and look at tokenizers, without a recipe."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmloop.core.errors import DataError
from lmloop.faces.inputs import ingest_steps
from lmloop.faces.options import JSON, LIMITS, Limits
from lmloop.faces.terminal import columns, print_json
from lmloop.faces.verb import Verb

if TYPE_CHECKING:
    from lmloop.kernels.tokenizing.formats import AnyTokenizer

USAGE = (
    "[train FILES | compare TOKENIZERS | extend TOKENIZER FILES | lint TOKENIZER | health MODEL | "
    "verify TOKENIZER FILES]"
)
FORMS = ("train", "compare", "extend", "lint", "health", "verify")
SHOWN = 12


@click.command(
    "tokenizer",
    cls=Verb,
    section="One step",
    examples=(
        "lmloop tokenizer train notes/ -o tok/ --set vocab_size=512",
        "lmloop tokenizer train notes/ -o tok/ --set vocab_size=512 --set preset=cjk --set digits=1",
        "lmloop tokenizer compare tokenizer.json --on notes/ -o compared/   # also *.model, *.tiktoken, folders",
        "lmloop tokenizer extend tokenizer.json notes/ -o wider/ --set script=Han --set pieces=10",
        "lmloop tokenizer lint tokenizer.json                               # unreachable and odd tokens",
        "lmloop tokenizer health models/mine                                # tokens that a model has not learned",
        "lmloop tokenizer verify tokenizer.json notes/                      # do all back-ends give the same ids?",
    ),
)
@click.argument("what", nargs=-1, required=True, metavar=USAGE)
@click.option("-o", "--out", "home", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--on", "texts", multiple=True, metavar="FILES", help="Texts to compare on.")
@click.option("--set", "sets", multiple=True, metavar="SETTING=VALUE", help="Set a setting of the step.")
@JSON
@LIMITS
def verb(
    what: tuple[str, ...],
    home: Path | None,
    texts: tuple[str, ...],
    sets: tuple[str, ...],
    as_json: bool,
    limits: Limits,
) -> None:
    """Train, compare, extend or look at tokenizers.

    FILES are text (.txt, .md, .rst) or JSON Lines files, or folders of them. A TOKENIZER is a folder with a
    tokenizer.json, or a file: tokenizer.json, *.model (SentencePiece) or *.tiktoken. What is made
    is kept, with a report. A MODEL is a folder in Hugging Face's form with its tokenizer.
    """
    form, *names = what
    if form not in FORMS or (not names):
        raise click.UsageError(f"tokenizer takes {USAGE}", click.get_current_context())
    if form == "lint":
        _lint(names, as_json)
    elif form == "health":
        _health(names, as_json)
    elif form == "verify":
        _verify(names, as_json)
    elif home is None:
        raise click.UsageError(
            f"tokenizer {form} needs a folder for the results: -o FOLDER", click.get_current_context()
        )
    else:
        _carry_out(*_steps(form, names, texts), sets, home, limits)


def _steps(form: str, names: Sequence[str], texts: Sequence[str]) -> tuple[str, list[dict[str, Any]]]:
    """Give the id of the step that the settings are of, and all steps."""
    step: dict[str, Any]
    if form == "train":
        raws, step = ingest_steps(names), {"id": "tokenizer", "use": "tokenizer"}
    elif form == "extend":
        raws = ingest_steps(names[1:])
        step = {"id": "extended", "use": "extend-tokenizer", "base": str(_file(names[0]))}
    else:
        raws = ingest_steps(texts)
        files = [str(_file(name)) for name in names]
        step = {"id": "compared", "use": "compare-tokenizers", "files": files}
    if not raws:
        raise DataError("there are no texts", hint="--on FILES names them" if form == "compare" else "name files")
    step["from"] = [raw["id"] for raw in raws]
    return step["id"], [*raws, step, {"id": "report", "use": "report", "from": [step["id"]]}]


def _carry_out(step: str, steps: list[dict[str, Any]], sets: Sequence[str], home: Path, limits: Limits) -> None:
    from lmloop.core.recipe import Recipe
    from lmloop.faces.cli.run import carry_out

    ids = {row["id"] for row in steps}
    placed = [item if item.partition(".")[0] in ids else f"{step}.{item}" for item in sets]
    recipe = Recipe.check({"name": "tokenizer", "step": steps}, Path.cwd(), sets=placed)
    carry_out(recipe, home, limits, summary=False)


def _file(name: str) -> Path:
    """Find the file of a tokenizer."""
    path = Path(name)
    for inner in ("tokenizer.model", "tokenizer.json"):
        if (path / inner).exists():
            return path / inner
    if not path.is_file():
        raise DataError(f"there is no tokenizer {name!r}", hint="give a file, or a folder with a tokenizer.json")
    return path


def _open(name: str) -> "AnyTokenizer":
    from lmloop.kernels.tokenizing.formats import open_tokenizer

    return open_tokenizer(_file(name))


def _lint(names: Sequence[str], as_json: bool) -> None:
    import numpy as np

    from lmloop.kernels.tokenizing.linting import REASONS, by_reason, lint

    for name in names:
        counted = _file(name).with_name("training_counts.npy")
        found = lint(_open(name), np.load(counted) if counted.exists() else None)
        if as_json:
            print_json([asdict(finding) for finding in found])
            continue
        for reason, total in by_reason(found).items():
            rows = [finding for finding in found if finding.reason == reason][:SHOWN]
            if total:
                click.echo(f"{reason}: {total} ({REASONS[reason]})")
                click.echo("  " + "  ".join(finding.token for finding in rows) + ("  ..." if total > SHOWN else ""))
        click.echo(f"{name}: {len(found)} tokens to look at")


def _health(names: Sequence[str], as_json: bool) -> None:
    from lmloop.stages.token_health import look, rows_of

    for name in names:
        found = look(Path(name), [], [])
        rows = list(rows_of(found))
        if as_json:
            print_json(rows)
            continue
        like = [row for row in rows if row["looks"] == "like the unused"]
        told = f"{name}: {len(like)} of {len(rows):,} tokens look untrained, "
        click.echo(told + f"as do {len(found.health.unused)} that no text gives")
        click.echo("  " + "  ".join(row["token"] for row in like[:SHOWN]) + ("  ..." if len(like) > SHOWN else ""))


def _verify(names: Sequence[str], as_json: bool) -> None:
    import pyarrow as pa

    from lmloop.kernels.tokenizing import Tokenizer
    from lmloop.kernels.tokenizing.backends import check

    tokenizer, texts = _open(names[0]), _texts(names[1:])
    if not isinstance(tokenizer, Tokenizer):
        raise DataError(f"{names[0]} has one back-end only: that of its maker")
    checks = check(tokenizer.core, pa.array(texts, pa.large_string()))
    if as_json:
        print_json([asdict(item) for item in checks])
        return
    rows = [(item.name, item.refused or "the same ids", f"{item.megabytes_per_second:.1f} MB/s") for item in checks]
    click.echo("\n".join(columns(rows)))


def _texts(names: Sequence[str]) -> list[str]:
    """Read all texts of some files."""
    from typing import cast

    from lmloop.core.part import build
    from lmloop.core.reader import Reader
    from lmloop.core.record import Record

    found: list[str] = []
    for step in ingest_steps(names):
        reader = cast(Reader, build("readers", step["reader"]))
        for source in reader.sources(Path.cwd()):
            found += [item.text for item in reader.read(source) if isinstance(item, Record)]
    if not found:
        raise DataError("there are no texts", hint="name files to verify on")
    return found
