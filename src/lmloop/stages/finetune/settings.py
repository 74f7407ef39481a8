"""What a tuning can be told in tables, beside its method and its objective."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, SerializeAsAny

from lmloop.core.method import Method, build_method
from lmloop.core.outside import OutsideFile
from lmloop.nn import tables
from lmloop.nn.tables import Table

FULL = "full"
Rate = Annotated[float, Field(gt=0)]


def _method(spec: Any) -> Any:
    if isinstance(spec, Mapping) and "use" not in spec:
        if not spec:
            raise ValueError("it names no adapter")
        return {str(name): build_method(one) for name, one in spec.items()}
    return None if spec is None or spec == FULL else build_method(spec)


Methods = Annotated[SerializeAsAny[Method] | dict[str, SerializeAsAny[Method]] | None, PlainValidator(_method)]
"""A method; several under names of their own, tuned at once; or None (``"full"`` in a recipe) to tune all weights."""


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
    """The optimizer; the learning rate follows from method, objective and width unless it is set.

    For several adapters it may be a table of theirs: ``{ narrow = 1e-3, mixed = 5e-4 }``.
    """

    learning_rate: Rate | dict[str, Rate] | None = None  # type: ignore[assignment]
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)

    def of(self, name: str) -> "OptimizerTable":
        """Give the table of one adapter."""
        said = self.learning_rate
        return self.model_copy(update={"learning_rate": said.get(name)}) if isinstance(said, dict) else self


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
