"""From a few settings to all the numbers of a tuning."""

from collections.abc import Mapping, Sequence
from math import sqrt

from lmloop.core.errors import DataError, RecipeError, closest
from lmloop.core.method import Method
from lmloop.nn.goals.settings import Goal
from lmloop.nn.opening import read_shape
from lmloop.nn.shape import Shape
from lmloop.stages.finetune.job import Job

EVALUATIONS, CHECKPOINTS = 10, 10
MOST_ROWS, STEPS_AN_EPOCH = 32, 50
MEGA = 1_000_000


def learning_rate(shape: Shape, method: Method | None, goal: Goal) -> float:
    """Give the default rate.

    A method's own rate was found with models about 4,096 wide; narrower ones bear more, here by the root of the width's
    ratio. All weights take 3e-5 at that width and, as in pretraining, more by the power 2/3. Preferences take a
    quarter. These are rules of thumb.
    """
    narrow = max(1.0, 4096 / shape.width)
    rate = 3e-5 * narrow ** (2 / 3) if method is None else method.learning_rate * sqrt(narrow)
    return float(f"{rate * goal.rate:.3g}")


def rows_of(rows: int, batch: int | None, context: int, ranks: int, together: int) -> int:
    """Give the rows of a step: of ``batch`` tokens or, if none is given, so many that an epoch has about 50 steps."""
    wanted = round(batch / context) if batch else min(MOST_ROWS, round(rows / STEPS_AN_EPOCH))
    unit = ranks * together
    return max(1, round(wanted / unit)) * unit


def weights_of(mixture: Mapping[str, float], tasks: Sequence[str]) -> list[float]:
    """Say how often each task's examples are read in an epoch; once, if nothing is said of it.

    Raises:
        RecipeError: the mixture names a task that there is not.
        DataError: nothing is left to learn.
    """
    for name in mixture:
        if name not in tasks:
            raise RecipeError(f"mixture: there is no task {name!r}", hint=closest(name, tasks))
    weights = [mixture.get(task, 1.0) for task in tasks]
    if not any(weights):
        raise DataError("all tasks have the weight 0: there is nothing to learn")
    return weights


def check_method(method: Method | None, optimizer: str, tasks: Sequence[str]) -> None:
    """See that method, optimizer and tasks go together.

    Raises:
        RecipeError: they do not.
    """
    if method is None:
        return
    if optimizer == "muon":
        raise RecipeError("muon changes whole matrices", hint='an adapter takes optimizer = { use = "adamw" }')
    known = getattr(method, "tasks", None)
    if isinstance(known, int) and known < len(tasks):
        raise RecipeError(
            f"the method {method.name()!r} knows {known} tasks, but there are {len(tasks)}",
            hint=f'method = {{ use = "{method.name()}", tasks = {len(tasks)} }}',
        )


def forecast_line(shape: Shape, sizes: tuple[int, int], records: int, tokens: int) -> str:
    """Say what a tuning will train and cost; it costs less where records are shorter than the context."""
    trained, whole = sizes
    flops = tokens * shape.flops_per_token(1) * (1 if trained == whole else 2 / 3)
    cost = f"; {records:,} records, at most {tokens:,} tokens and {flops:.2g} operations" if records else ""
    return f"trains {trained:,} of {whole:,} weights ({trained / whole:.2%}){cost}"


def said_before(job: Job, trainable: int) -> list[str]:
    """Say what is going to be tuned: parameters, tokens, and operations."""
    shape, training = read_shape(job.base), job.training
    tokens = training.steps * training.tokens_per_step
    method = "all weights" if job.method is None else job.method["use"]
    who = f"{job.name}, {method}" if job.name else method
    # frozen weights need no gradient of their own: two passes of three
    flops = tokens * shape.flops_per_token(training.context) * (1 if job.method is None else 2 / 3)
    return [
        f"  model: {shape.layers} layers of width {shape.width}, {shape.parameters / MEGA:.2f} million parameters; "
        f"{who} trains {trainable:,} ({trainable / shape.parameters:.2%}) at {training.update.learning_rate:g}",
        f"  tuning ({job.settings.use}): {training.steps:,} steps of {training.rows} rows, up to {tokens:,} tokens "
        f"from {', '.join(job.data.tasks)}; {flops:.2g} operations",
    ]
