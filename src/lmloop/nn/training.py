"""All the numbers of a training. No torch here: whoever plans one needs only these."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from lmloop.nn.schedule import Schedule

OptimizerName: TypeAlias = Literal["adamw", "muon"]
Precision: TypeAlias = Literal["auto", "fp32", "bf16"]
Compile: TypeAlias = Literal["auto", "on", "off"]
Parallel: TypeAlias = Literal["ddp", "fsdp"]


@dataclass(frozen=True, slots=True)
class Update:
    """How weights change: the optimizer and its numbers.

    With a ``base_width`` the learning rate is what suits a model of that width, and is carried over to another
    (:mod:`lmloop.nn.transfer`).
    """

    optimizer: OptimizerName = "adamw"
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    clip: float = 1.0
    z_loss: float = 0.0
    base_width: int = 0


@dataclass(frozen=True, slots=True)
class Computing:
    """How the work is done; of these, precision, threads and micro batches change the last digits of results.

    A 0 means that it is chosen when the training begins: ``threads`` up to ``most_threads`` (0: all cores).
    """

    micro_rows: int = 0
    precision: Precision = "auto"
    compile: Compile = "auto"
    recompute: bool = False
    threads: int = 0
    most_threads: int = 0
    parallel: Parallel = "ddp"


@dataclass(frozen=True, slots=True)
class Training:
    """A whole training: ``rows`` rows of ``context`` tokens a step, for ``steps`` steps.

    ``together`` rows are never divided: those of a pair, say. ``patience`` ends it after so many measurements without
    a better one (0: never). Without ``outliers`` a step is only skipped for what is not finite.
    """

    steps: int
    rows: int
    context: int
    seed: int
    schedule: Schedule
    update: Update
    computing: Computing
    evaluate_every: int
    checkpoint_every: int
    keep: int = 1
    save_seconds: float = 120.0
    together: int = 1
    patience: int = 0
    measure_first: bool = False
    outliers: bool = True

    @property
    def tokens_per_step(self) -> int:
        """How many tokens a step reads."""
        return self.rows * self.context

    def plain(self) -> dict[str, Any]:
        """Give it as JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, said: Mapping[str, Any]) -> "Training":
        """Read it from JSON."""
        parts = {"schedule": Schedule, "update": Update, "computing": Computing}
        return cls(**{key: parts[key](**value) if key in parts else value for key, value in said.items()})
