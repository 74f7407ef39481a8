"""What a tuning can be told in tables, beside its method and its objective."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from lmloop.core.method import Method, build_method
from lmloop.core.outside import OutsideFile
from lmloop.nn import tables
from lmloop.nn.tables import Table

FULL = "full"


def _method(spec: Any) -> Any:
    return None if spec is None or spec == FULL else build_method(spec)


MethodOrFull = Annotated[SerializeAsAny[Method] | None, BeforeValidator(_method)]
"""A method, or None (``"full"`` in a recipe) to tune all weights."""


class DataTable(Table):
    """How records are read.

    ``learn`` says what is learnt of a conversation: all ``replies``, the ``last`` one, or ``all`` of its text.
    ``template`` is a file with a chat template to use instead of the model's. ``task`` is the key of meta that names a
    record's task; by default that is the input it came from. ``packed`` puts several short texts into a row, where they
    do not see each other. What is ``too_long`` for the context loses its end, or is dropped.
    """

    learn: Literal["replies", "last", "all"] = "replies"
    template: OutsideFile | None = None
    task: str = ""
    packed: bool = True
    too_long: Literal["cut", "drop"] = "cut"


class OptimizerTable(tables.OptimizerTable):
    """The optimizer; the learning rate follows from method, objective and width unless it is set."""

    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)


class ScheduleTable(tables.ScheduleTable):
    """The learning rate over time; ``warmup`` and ``decay`` are shares of all steps, ``floor`` one of the rate."""

    use: Literal["wsd", "cosine"] = "cosine"
    warmup: float = Field(default=0.05, ge=0, le=1)


class EvaluateTable(Table):
    """Measuring: ``held`` is the share of records that are held out, ``every`` how often to measure, in steps.

    After ``patience`` measurements without a better one the training stops (0: never). ``best`` keeps the weights that
    were best on what is held out, and not the last ones. ``samples`` held-out prompts are answered in the report.
    """

    held: float = Field(default=0.05, ge=0, lt=1)
    every: int | None = Field(default=None, ge=1)
    patience: int = Field(default=0, ge=0)
    best: bool = True
    samples: int = Field(default=4, ge=0)
