"""What a training can be told beside its depth, in tables: each has defaults that follow from depth and tokens."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Weight: TypeAlias = Annotated[float, Field(ge=0.0)]
Progress: TypeAlias = Annotated[float, Field(ge=0.0, le=1.0)]
WeightCurve: TypeAlias = Weight | Annotated[list[tuple[Progress, Weight]], Field(min_length=1)]
"""A source's weight: a number, or points (progress, weight) with straight lines between."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelTable(_Table):
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


class OptimizerTable(_Table):
    """The optimizer. ``use = "muon"`` changes inner matrices by Muon and the rest by AdamW, at the same rate."""

    use: Literal["adamw", "muon"] = "adamw"
    learning_rate: float | None = Field(default=None, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = Field(default=1.0, gt=0)
    z_loss: float = Field(default=0.0, ge=0)


class ScheduleTable(_Table):
    """The learning rate over time; ``warmup`` and ``decay`` are shares of all steps, ``floor`` one of the rate."""

    use: Literal["wsd", "cosine"] = "wsd"
    warmup: float = Field(default=0.02, ge=0, le=1)
    decay: float = Field(default=0.4, ge=0, le=1)
    floor: float = Field(default=0.0, ge=0, le=1)


class EvaluateTable(_Table):
    """Measuring: how often in steps (by default ten times), on how many tokens a source, and what to sample.

    By default so many tokens are taken that measuring costs a few per cent of the training.
    """

    every: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    prompts: list[str] = []
    sample_tokens: int = Field(default=60, ge=0)


class CheckpointTable(_Table):
    """Checkpoints that stay: how often in steps (by default twenty times), and how many of the last are kept."""

    every: int | None = Field(default=None, ge=1)
    keep: int = Field(default=1, ge=1)


class ComputeTable(_Table):
    """How it is computed. ``auto`` tries at the start, takes the faster, and notes it, so that it stays so.

    ``micro`` is the rows at once on a device (0: as many as its memory holds well). ``ranks`` of 0 is one process for
    each GPU, or one.
    """

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    recompute: bool = False
    threads: int = Field(default=0, ge=0)
    micro: int = Field(default=0, ge=0)
    ranks: int = Field(default=0, ge=0)
    parallel: Literal["ddp", "fsdp"] = "ddp"
