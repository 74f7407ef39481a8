"""``lmloop scale``: scaling laws of runs that are there, what they foretell, and ladders of runs to come."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from lmloop.core.errors import DataError, RecipeError
from lmloop.faces.options import HOME, LIMITS, Limits
from lmloop.faces.verb import Verb

DOINGS = ("fit", "predict", "plan")


@click.command(
    "scale",
    cls=Verb,
    section="One step",
    examples=(
        "lmloop scale fit runs.csv",
        'lmloop scale fit runs.csv --set law.drop_highest=1 --set law.columns.loss="loss"',
        "lmloop scale predict runs.csv --params 70B --tokens 1.4T",
        "lmloop scale predict runs.csv --flops 1e22    # the best run of that budget",
        "lmloop scale plan --budget 20min@cpu -o ladder.toml",
    ),
)
@click.argument("doing", type=click.Choice(DOINGS))
@click.argument("source", required=False, metavar="[TABLE | RUN]")
@click.option("--params", metavar="N", help="Parameters of the run to foretell: 70B.")
@click.option("--tokens", metavar="D", help="Tokens of the run to foretell: 1.4T.")
@click.option("--flops", metavar="C", help="A budget in FLOPs to foretell the best run of: 1e22.")
@click.option(
    "--budget", default="2h@cpu", show_default=True, help="For a whole ladder, of one core or GPU: 30min@cpu."
)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="File to write the ladder's recipe to.")
@click.option("--set", "sets", multiple=True, metavar="law.SETTING=VALUE", help="Set a setting of the scale step.")
@HOME
@LIMITS
def verb(doing: str, source: str | None, home: Path, limits: Limits, sets: tuple[str, ...], **rest: Any) -> None:
    """Fit scaling laws (fit), use them (predict), or plan runs to fit (plan).

    TABLE is a file with a row for each run: parameters, tokens, loss; or FLOPs in the place of one of the first two.
    predict also takes the name of a RUN of a scale step. plan measures how fast small models train here, and writes a
    recipe of pretrain steps with a scale step behind them; lmloop run carries it out.
    """
    if doing == "plan":
        _plan(rest["budget"], rest["out"])
        return
    if source is None:
        raise DataError(f"{doing} needs a table of runs", hint=f"lmloop scale {doing} runs.csv")
    asked = {name: rest[name] for name in ("params", "tokens", "flops") if rest[name] is not None}
    if doing == "predict" and not asked:
        raise RecipeError("what should be foretold?", hint="--params 70B --tokens 1.4T, or --flops 1e22")
    if doing == "predict" and not Path(source).is_file():
        _predict(home, source, asked)
        return
    _fit(source, home, limits, sets, asked)


def _fit(source: str, home: Path, limits: Limits, sets: Sequence[str], asked: dict[str, str]) -> None:
    from lmloop.core.recipe import Recipe
    from lmloop.faces.cli.run import carry_out

    if not Path(source).is_file():
        raise DataError(f"there is no file {source!r}", hint="a table has a row for each run: n,d,loss")
    law = {"id": "law", "use": "scale", "table": source, **({"predict": [asked]} if asked else {})}
    report = {"id": "report", "use": "report", "from": ["law"], "title": "What a bigger run would reach"}
    recipe = Recipe.check({"name": "scale", "step": [law, report]}, Path.cwd(), sets=sets)
    carry_out(recipe, home, limits, summary=True)


def _predict(home: Path, run: str, asked: dict[str, str]) -> None:
    from pydantic import ValidationError

    from lmloop.core.lineage import find_run
    from lmloop.kernels.scaling.saved import FIT, Saved
    from lmloop.report.units import short
    from lmloop.stages.scale.asked import Asked
    from lmloop.stages.scale.study import foretell

    saved = Saved.read(find_run(home, run) / FIT)
    try:
        found = foretell(saved, Asked.model_validate(asked))
    except ValidationError as bad:
        raise RecipeError(bad.errors()[0]["msg"], hint="--params 70B --tokens 1.4T, or --flops 1e22") from None
    if found.law is None or found.new is None:
        raise DataError(found.why, hint="lmloop show tells which run would help most")
    click.echo(f"N = {short(found.params)}, D = {short(found.tokens)}, {short(found.flops)} FLOPs")
    click.echo(f"loss {found.law.value[0]:.3f}  (95 %: {found.law.low[0]:.3f} to {found.law.high[0]:.3f})")
    click.echo(f"a new run should land from {found.new.low[0]:.3f} to {found.new.high[0]:.3f}")


def _plan(budget: str, out: Path | None) -> None:
    from lmloop.core.extras import need
    from lmloop.core.progress import default
    from lmloop.faces import ladder
    from lmloop.faces.terminal import columns

    seconds = ladder.seconds_of(budget)
    need("torch", "train")
    from lmloop.nn.rates import tokens_per_second

    ground = ladder.Ground()

    def measure(shape: Any) -> float:
        rate = tokens_per_second(shape, ground.context, 4)
        default().say(f"  {shape.layers} layers of width {shape.width}: {rate:,.0f} tokens a second")
        return rate

    cells = ladder.plan(seconds, ground, measure)
    rows = [("run", "N", "D", "LR", "B", "seconds")]
    for cell in cells:
        numbers = f"{cell.params:,}", f"{cell.tokens:,}", f"{cell.rate:g}", f"{cell.batch:,}", f"{cell.seconds:,.0f}"
        rows.append((cell.name, *numbers))
    for line in columns(rows):
        click.echo(line)
    if out is not None:
        out.write_text(ladder.recipe(cells, ground, budget), encoding="utf-8")
        default().say(f"\nwrote {out}; carry it out with: lmloop run {out}")
