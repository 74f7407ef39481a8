"""What a training can be told beside its depth, in tables: each has defaults that follow from depth and tokens."""

from dataclasses import replace
from typing import Annotated, Any, TypeAlias

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from lmloop.nn import tables
from lmloop.nn.shape import Activation
from lmloop.nn.tables import Table
from lmloop.nn.training import Update

Weight: TypeAlias = Annotated[float, Field(ge=0.0)]
Progress: TypeAlias = Annotated[float, Field(ge=0.0, le=1.0)]
WeightCurve: TypeAlias = Weight | Annotated[list[tuple[Progress, Weight]], Field(min_length=1)]
"""A source's weight: a number, or points (progress, weight) with straight lines between."""


class ModelTable(Table):
    """The model's shape, where it should not follow from the depth."""

    width: int | None = Field(default=None, ge=8)
    heads: int | None = Field(default=None, ge=1)
    kv_heads: int | None = Field(default=None, ge=1)
    head_width: int | None = Field(default=None, ge=2, multiple_of=2)
    hidden: int | None = Field(default=None, ge=8)
    tied: bool | None = None
    qk_norm: bool | None = None
    qkv_bias: bool | None = None
    rope_base: float | None = Field(default=None, gt=0)
    activation: Activation | None = None

    @model_serializer(mode="wrap")
    def _plain(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out an activation that is not said: results that were made before there was one keep their names."""
        told: dict[str, Any] = plain(self)
        return told if self.activation is not None else {k: v for k, v in told.items() if k != "activation"}


class OptimizerTable(tables.OptimizerTable):
    """The optimizer; ``z_loss`` is a pull on the size of the logits.

    With a ``base_width`` the learning rate is that of a model so wide, and is carried over to this one's width.
    """

    z_loss: float = Field(default=0.0, ge=0)
    base_width: int = Field(default=0, ge=0)

    def update(self, learning_rate: float) -> Update:
        """Fill in the learning rate, where the table does not say it."""
        return replace(super().update(learning_rate), z_loss=self.z_loss, base_width=self.base_width)


class EvaluateTable(Table):
    """Measuring: how often in steps (by default ten times), on how many tokens a source, and what to sample.

    By default so many tokens are taken that measuring costs a few per cent of the training.
    """

    every: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    prompts: list[str] = []
    sample_tokens: int = Field(default=60, ge=0)
