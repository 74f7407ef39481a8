"""Evaluate: bring tasks to models, and keep every question with its prompt, replies and verdict."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

from pydantic import BeforeValidator, Field, PositiveInt

from lmloop.core import items
from lmloop.core.asking import check_powers
from lmloop.core.errors import RecipeError
from lmloop.core.model import Model
from lmloop.core.replies import FILE as REPLIES
from lmloop.core.replies import fingerprint, kept_replies
from lmloop.core.scores import Asked, Scores, Tested
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.task import Remark, Task
from lmloop.core.weights import AnyModel
from lmloop.report import blocks
from lmloop.scoring.suite import Tasks
from lmloop.stages.evaluate.counting import Counter
from lmloop.stages.evaluate.given import Given
from lmloop.stages.evaluate.labels import model_names, named_models, task_names
from lmloop.stages.evaluate.questions import count
from lmloop.stages.evaluate.seeing import remarked, show
from lmloop.stages.evaluate.sitting import Sitting, opened


class Evaluate(Step):
    """Ask models all questions of ``tasks``, grade the replies, and say of each score how sure it is.

    Tasks are benchmarks, or suites of them (``suite:open-llm-leaderboard-v1``); records with choices and an answer that
    are read are a task, too, under the name of their step.

    Asked are the weights that are read and ``models`` by name (``toy``, ``transformers:PATH``, ``openai:MODEL@URL``),
    or in a table under names of your own. All tasks go to a model in one load, ``batch`` questions at a time.
    Replies are kept beside the runs by their content: what was asked once is not asked again. Where more than
    ``max_errors`` of a model's questions get no reply at all, the step stops; what was answered is kept.

    ``items.parquet`` has every question with prompt, replies, verdict and reason; ``scores.json`` each metric's mean
    over each group with its standard error and interval, and the shares of replies without an answer and of those
    that were cut.
    """

    version: ClassVar[int] = 4
    takes: ClassVar[tuple[Kind, ...]] = ("weights", "records")
    makes: ClassVar[Kind] = "scores"
    needs_input: ClassVar[bool] = False

    tasks: Tasks = []
    models: Annotated[dict[str, AnyModel], BeforeValidator(named_models)] = {}
    batch: PositiveInt = 4096
    max_errors: float = Field(0.01, ge=0, le=1)

    @classmethod
    def example(cls) -> "Evaluate":
        """Give one with the toy model and the toy task."""
        return cls.model_validate({"tasks": ["spelling"], "models": ["toy"]})

    def check_inputs(self, kinds: Collection[Kind]) -> None:
        """See that there is somebody to ask, and something.

        Raises:
            RecipeError: there is not.
        """
        if not self.tasks and "records" not in kinds:
            raise RecipeError("there is nothing to ask", hint='tasks = ["mmlu"], or a step that makes questions')
        if not self.models and "weights" not in kinds:
            raise RecipeError("there is no model to ask", hint='from = ["base"], or models = ["toy"]')

    def outside(self, base: Path, digest: Callable[[Path], str]) -> Any:
        """Tell models apart by what they hold: another in the same place is another."""
        return {name: fingerprint(cast(Model, model)) for name, model in self.models.items()} or None

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Ask every model everything, and write the item log and the scores."""
        names = self._tasks(inputs)
        models = model_names([item for item in inputs if item.kind == "weights"], self.models)
        for _, model, _ in models:
            for task in names.values():
                check_powers(task, opened(model))
        asked = [(name, task, count(task)) for name, task in names.items()]
        counted, tested, metrics = Counter(asked), list[Tested](), dict[str, float | int | str]()
        remarks: list[tuple[str, str, Remark]] = []
        with kept_replies(out.parent / REPLIES) as kept, items.writer(out / items.FILE) as log:
            for name, model, folder in models:
                sitting = Sitting(name, opened(model), asked, kept)
                for rows in sitting.hold(self.batch, self.max_errors, context.progress):
                    counted.take(rows, log.count)
                    log.write(rows)
                tested.append(sitting.told(folder))
                remarks += [(name, task, remark) for task, remark in sitting.remarks()]
                metrics |= {f"{name}/seconds": round(sitting.seconds, 3), f"{name}/tokens": tested[-1].tokens}
        scores = Scores(tuple(tested), _asked(asked), *counted.found())
        scores.write(out)
        blocks.write(out / BLOCKS, [*remarked(remarks), *show(scores)])
        chief = {f"{model}/{task}": round(score.mean, 6) for (model, task), score in scores.chief().items()}
        return {"items": log.count, **chief, **metrics}

    def _tasks(self, inputs: list[Artifact]) -> dict[str, Task]:
        given = {item.id: Given.of(item.path) for item in inputs if item.kind == "records"}
        names = {**task_names(self.tasks), **given}
        if len(names) < len(self.tasks) + len(given):
            raise RecipeError(f"a step and a task are both called {min(given)!r}", hint="give the step another id")
        return names


def _asked(asked: Any) -> tuple[Asked, ...]:
    return tuple(found.asked(name, task) for name, task, found in asked)
