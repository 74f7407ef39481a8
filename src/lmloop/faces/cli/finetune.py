"""``lmloop finetune``: tune a model on files, without a recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from lmloop.core.errors import DataError
from lmloop.faces.inputs import ingest_steps
from lmloop.faces.options import LIMITS, Limits
from lmloop.faces.verb import Verb


@click.command(
    "finetune",
    cls=Verb,
    section="One step",
    examples=(
        "lmloop finetune models/small chats.jsonl -o tuned/ --method lora",
        "lmloop finetune models/small 对话.jsonl -o tuned/ --method mixlora --set method.experts=4 --set baseline=true",
        "lmloop finetune models/small votes.jsonl -o tuned/ --method lora --objective dpo --set objective.beta=0.2",
        "lmloop finetune models/small chats.jsonl -o tuned/ --method full --set epochs=3 --set context=128",
        "lmloop finetune models/small -o tuned/ --objective grpo --task ./my_task.py --method lora",
    ),
)
@click.argument("model")
@click.argument("files", nargs=-1)
@click.option("-o", "--out", "home", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@click.option("--method", default="lora", show_default=True, help="What is trained: a method's name, or full.")
@click.option("--objective", default="sft", show_default=True, help="sft, dpo, ipo, kto, orpo, simpo, reward or grpo.")
@click.option("--task", "tasks", multiple=True, help="A task that rewards, for grpo.")
@click.option("--set", "sets", multiple=True, metavar="SETTING=VALUE", help="Set a setting of the step.")
@LIMITS
def verb(**given: Any) -> None:
    """Tune a model on conversations, instructions, preferences or documents.

    MODEL is a folder in Hugging Face's form, or a finished run that made weights. FILES are of any format that `ingest`
    reads: chats in the usual shapes, or records with prompt, choices and answer. What is made is kept, with a report.
    `lmloop list methods` lists the methods.
    """
    steps = _steps(given["model"], given["files"], given["tasks"])
    steps[-2] |= {"method": {"use": given["method"]} if given["method"] != "full" else "full"}
    steps[-2] |= {"objective": {"use": given["objective"]}}
    _carry_out(steps, given["sets"], given["home"], given["limits"])


def _steps(model: str, files: Sequence[str], tasks: Sequence[str]) -> list[dict[str, Any]]:
    if not Path(model).is_dir():
        raise DataError(f"there is no model {model!r}", hint="give a folder with config.json and safetensors, or a run")
    raws = ingest_steps(files)
    tuned: dict[str, Any] = {"id": "tuned", "use": "finetune", "base": str(Path(model).resolve())}
    tuned |= {"from": [raw["id"] for raw in raws], "tasks": list(tasks)}
    return [*raws, tuned, {"id": "report", "use": "report", "from": ["tuned"]}]


def _carry_out(steps: list[dict[str, Any]], sets: Sequence[str], home: Path, limits: Limits) -> None:
    from lmloop.core.recipe import Recipe
    from lmloop.faces.cli.run import carry_out

    ids = {row["id"] for row in steps}
    placed = [item if item.partition(".")[0] in ids else f"tuned.{item}" for item in sets]
    recipe = Recipe.check({"name": "finetune", "step": steps}, Path.cwd(), sets=placed)
    carry_out(recipe, home, limits, summary=False)
