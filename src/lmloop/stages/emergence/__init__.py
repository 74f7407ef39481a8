"""Emergence: one task under several metrics over a ladder of models, to tell whose jumps are the metric's."""

from collections import Counter
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from lmloop.core.errors import DataError
from lmloop.core.outside import OutsideFile
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.scaling.emergence import judge
from lmloop.kernels.scaling.numbers import Row
from lmloop.kernels.scaling.table import read_rows
from lmloop.report import blocks
from lmloop.stages.emergence.asking import ask
from lmloop.stages.emergence.scores import SCORES, by_task, write
from lmloop.stages.emergence.showing import show

EXAMPLE = Path(__file__).with_name("example.csv")


class Emergence(Step):
    """Score a ladder of models on one task under discontinuous and continuous metrics, and judge the jumps.

    The models are inputs, with the packed tokens whose held-out documents are the task: go on with a passage of
    ``prompt`` tokens by the next 1, 2, 4 and so on up to ``longest`` tokens, in ``items`` passages. Metrics are exact
    match, token edit similarity, the log-likelihood of the answer, choice among four, and the Brier score of that.

    Or the scores are in a ``table``, either long (columns task, metric, value, and a scale) or wide (a scale, and a
    column for each task). The scale is a column loss (lower is better), flops, params or tokens. ``continuous`` names
    the metrics that are so, ``lower`` those of which less is better. Columns chance and items, or ``chance`` for
    tasks by name, give the band of guessing.
    """

    version: ClassVar[int] = 2
    takes: ClassVar[tuple[Kind, ...]] = ("weights", "tokens")
    makes: ClassVar[Kind] = "scores"
    needs_input: ClassVar[bool] = False

    table: OutsideFile | None = None
    prompt: Annotated[int, Field(ge=1)] = 32
    longest: Annotated[int, Field(ge=1, le=64)] = 8
    items: Annotated[int, Field(ge=8)] = 200
    continuous: list[str] = ["log_likelihood", "logprob", "brier", "edit_similarity", "nll", "perplexity", "ppl"]
    lower: list[str] = ["brier", "nll", "perplexity", "ppl", "loss"]
    chance: dict[str, float] = {}

    @classmethod
    def example(cls) -> "Emergence":
        """Give one that judges a small made-up table."""
        return cls.model_validate({"table": str(EXAMPLE)})

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Score or read, and leave ``scores.jsonl`` and what a person should see."""
        rows = self._rows(inputs, context)
        tasks = by_task(rows, self.continuous, self.lower, self.chance)
        verdicts = {task: judge(series) for task, series in tasks.items()}
        write(out / SCORES, rows)
        blocks.write(out / BLOCKS, show(tasks, verdicts))
        counts: dict[str, int] = dict(Counter(verdicts.values()))
        return {"tasks": len(tasks), **counts}

    def _rows(self, inputs: list[Artifact], context: Context) -> list[Row]:
        models = [item for item in inputs if item.kind == "weights"]
        tokens = [item for item in inputs if item.kind == "tokens"]
        if self.table is not None and not inputs:
            return read_rows(self.table.path)
        if self.table is not None or not models or len(tokens) != 1:
            hint = 'from = ["tokens", "small", "large", ...], or table = "scores.csv"'
            raise DataError("emergence reads a table, or models and one folder of packed tokens", hint=hint)
        return ask(models, tokens[0], (self.prompt, self.longest, self.items), context)
