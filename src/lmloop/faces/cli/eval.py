"""``lmloop eval``: ask models the questions of benchmarks, and say how sure the scores are."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmloop.core.errors import RecipeError
from lmloop.faces.options import HOME, JSON, LIMITS, Limits
from lmloop.faces.terminal import columns, print_json
from lmloop.faces.verb import Verb, bundled
from lmloop.report.units import share

if TYPE_CHECKING:
    from lmloop.core.recipe import Recipe
    from lmloop.core.scores import Scores

COMMON = ("data", "limit", "shots", "profile")
"""Options that are a setting of those tasks that have it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Which tasks, and how they are asked."""

    tasks: str
    data: Path | None
    limit: int | None
    shots: int | None
    profile: str | None
    sets: tuple[str, ...]


@click.command(
    "eval",
    cls=Verb,
    section="One step",
    examples=(
        "lmloop eval toy --tasks spelling",
        "lmloop eval toy models/mine --tasks spelling --set spelling.seed=3 --json",
        "lmloop eval base --tasks spelling           # the weights of a run, by its name or folder",
    ),
)
@click.argument("models", nargs=-1, required=True)
@bundled(
    "asking",
    Asking,
    click.option(
        "--tasks",
        required=True,
        metavar="NAMES",
        help="Benchmarks: mmlu,gsm8k, or suite:NAME; see `lmloop list tasks`.",
    ),
    click.option(
        "--data", type=click.Path(path_type=Path), help="Folder of benchmarks in their upstream repositories' layout."
    ),
    click.option("--limit", type=click.IntRange(1), metavar="N", help="Ask at most N items of each subject."),
    click.option("--shots", type=click.IntRange(0), metavar="K", help="Show K solved examples.  [the protocol's own]"),
    click.option("--profile", metavar="NAME", help="Whose prompts: official, lm-eval, opencompass, ..."),
    click.option("--set", "sets", multiple=True, metavar="TASK.SETTING=VALUE", help="Set what a task or the step has."),
)
@HOME
@JSON
@LIMITS
def verb(models: tuple[str, ...], asking: Asking, home: Path, as_json: bool, limits: Limits) -> None:
    """Ask models the questions of benchmarks.

    MODELS are toy, transformers:PATH, gguf:FILE, openai:MODEL@URL, a folder of weights, or a run that made some. Every
    item is kept with its prompt, replies and verdict; replies are kept, too: stop it at any moment, and it goes on from
    there. Look at the result with `lmloop board`.
    """
    from lmloop.core import items
    from lmloop.core.scores import Scores

    step = {"id": "scores", "use": "evaluate", "models": _models(models, home), "tasks": list(_tasks(asking))}
    folder = _carry_out(_recipe(step, asking.sets), home, limits)
    scores = Scores.read(folder)
    if as_json:
        print_json({"folder": folder.as_posix(), "scores": [asdict(score) for score in scores.scores]})
    elif limits.quiet:
        click.echo(folder)
    else:
        click.echo("\n".join(_table(scores)))
        click.echo(f"\nitems   {folder / items.FILE}\nlook    lmloop board {folder.name}")


def _models(names: Sequence[str], home: Path) -> dict[str, Any]:
    """Give each model a name, and say what opens it."""
    from lmloop.stages.evaluate.labels import model_label, unique

    specs = [_model(name, home) for name in names]
    labels = unique([label or model_label(spec) for label, spec in specs])
    return dict(zip(labels, (spec for _, spec in specs), strict=True))


def _model(name: str, home: Path) -> tuple[str, Any]:
    """Find what a name means: a back-end with what it opens, a folder of weights, or a run."""
    from lmloop.core.card import CARD, Card
    from lmloop.core.lineage import find_run
    from lmloop.core.listing import names
    from lmloop.core.weights import MODEL, model_spec

    use, colon, place = name.partition(":")
    path = Path(name)
    if use in names("models") or (colon and use != "run" and not path.is_dir()):
        return "", name
    if not path.is_dir():
        path = find_run(home, place if colon else name)
    label = Card.read(path).id if (path / CARD).is_file() else path.name
    spec = model_spec(path) if (path / MODEL).is_file() else {"use": "lmloop", "folder": str(path)}
    return label, spec


def _tasks(asking: Asking) -> Iterator[dict[str, Any]]:
    """Make the tasks: an option sets what those of them have that know it.

    Raises:
        RecipeError: no task has such a setting.
    """
    from lmloop.core.part import find
    from lmloop.scoring.suite import expanded

    names = [name.strip() for name in asking.tasks.split(",") if name.strip()]
    specs = [spec if isinstance(spec, dict) else {"use": spec} for spec in expanded(names)]
    known = [(spec, find("tasks", spec["use"]).fields()) for spec in specs]
    if not known:
        raise RecipeError("no tasks are given", hint="lmloop list tasks")
    wanted = {name: getattr(asking, name) for name in COMMON if getattr(asking, name) is not None}
    for name in wanted:
        if not any(name in fields for _, fields in known):
            raise RecipeError(f"--{name} means nothing to {asking.tasks}", hint="lmloop list tasks")
    for spec, fields in known:
        yield {**spec, **{name: _plain(value) for name, value in wanted.items() if name in fields}}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _recipe(step: dict[str, Any], sets: Sequence[str]) -> "Recipe":
    """Make the recipe of one step; ``mmlu.shots=0`` is a setting of a task, ``batch=64`` one of the step."""
    from lmloop.core.recipe import Recipe

    tasks = {task["use"] for task in step["tasks"]}
    placed = [f"scores.tasks.{item}" if item.partition(".")[0] in tasks else f"scores.{item}" for item in sets]
    return Recipe.check({"name": "eval", "step": [step]}, Path.cwd(), sets=placed)


def _carry_out(recipe: "Recipe", home: Path, limits: Limits) -> Path:
    """Carry it out, telling on stderr; give the folder."""
    from lmloop.core import progress
    from lmloop.core.run import carry_out, cores
    from lmloop.core.step import Context
    from lmloop.faces.told import Teller

    told = progress.Silent() if limits.quiet else progress.default()
    context = Context(recipe.seed, limits.workers or cores(), limits.memory, limits.engine, recipe.folder, told)
    teller = Teller(recipe, told)
    for done in carry_out(recipe, home, context):
        teller.tell(done)
    return teller.runs[-1].path


def _table(scores: "Scores") -> list[str]:
    """Lay out each task's chief metric; JSON has the others, too."""
    heads = ("model", "task", "metric", "score", "95 %", "macro", "items", "no answer", "cut", "no reply")
    rates = {(rate.model, rate.task): rate for rate in scores.rates if not rate.group}
    macro = scores.chief(macro=True)
    lines: list[tuple[str, ...]] = [heads]
    for key, score in scores.chief().items():
        rate, other = rates[key], macro.get(key)
        lines.append(
            (
                *(score.model, score.task, score.metric, f"{score.mean:.4f}", f"{score.low:.4f} to {score.high:.4f}"),
                *(f"{other.mean:.4f}" if other else "", f"{score.n:,}", share(rate.failed, rate.items)),
                *(share(rate.cut, rate.items), f"{rate.errors:,}"),
            )
        )
    return columns(lines, right=range(3, len(heads)))
