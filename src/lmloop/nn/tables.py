"""What any training can be told in tables of a recipe. No torch here: whoever reads a recipe needs only these."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lmloop.nn.schedule import DECADES, Schedule
from lmloop.nn.training import Computing, Update


class Table(BaseModel):
    """A table inside a step's settings: frozen, and no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OptimizerTable(Table):
    """The optimizer. ``use = "muon"`` changes inner matrices by Muon and the rest by AdamW, at the same rate."""

    use: Literal["adamw", "muon"] = "adamw"
    learning_rate: float | None = Field(default=None, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = Field(default=1.0, gt=0)

    def update(self, learning_rate: float) -> Update:
        """Fill in the learning rate, where the table does not say it."""
        return Update(
            optimizer=self.use,
            learning_rate=self.learning_rate or learning_rate,
            weight_decay=self.weight_decay,
            beta1=self.betas[0],
            beta2=self.betas[1],
            clip=self.clip,
        )


class ScheduleTable(Table):
    """The learning rate over time; ``warmup`` and ``decay`` are shares of all steps, ``floor`` one of the rate."""

    use: Literal["wsd", "cosine"] = "wsd"
    warmup: float = Field(default=0.02, ge=0, le=1)
    decay: float = Field(default=0.4, ge=0, le=1)
    floor: float = Field(default=0.0, ge=0, le=1)

    def schedule(self, steps: int) -> Schedule:
        """Make the schedule of so many steps."""
        return Schedule(self.use, steps, round(self.warmup * steps), round(self.decay * steps), self.floor)


class CheckpointTable(Table):
    """Checkpoints that stay: how often in steps (by default twenty times), and how many of the last are kept.

    With ``every = "decades"`` one is made after 1, 2, 5, 10, 20, 50 steps and so on, and all of these are kept.
    ``verify`` is so many steps that are first done twice, once interrupted and resumed: all bits must be the same.
    """

    every: Annotated[int, Field(ge=1)] | Literal["decades"] | None = None
    keep: int = Field(default=1, ge=1)
    verify: int = Field(default=0, ge=0)


class ComputeTable(Table):
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

    def computing(self, workers: int) -> Computing:
        """Take over how to compute; no more threads than the run may have workers."""
        return Computing(
            micro_rows=self.micro,
            precision=self.precision,
            compile=self.compile,
            recompute=self.recompute,
            threads=self.threads,
            most_threads=workers,
            parallel=self.parallel,
        )

    def processes(self) -> int:
        """Say how many processes train together."""
        if self.ranks:
            return self.ranks
        from lmloop.nn.speed import devices

        return devices()


def every(steps: int, wanted: int | Literal["decades"] | None, times: int) -> int:
    """Give how often something is done, in steps."""
    if wanted == "decades":
        return DECADES
    return wanted or max(1, steps // times)
