"""A finished training as those see it who compare some: how large it was, and how its losses fell."""

from dataclasses import dataclass

import numpy as np

from lmloop.core.card import Card
from lmloop.core.errors import DataError
from lmloop.core.step import Artifact
from lmloop.core.weights import tokens_read
from lmloop.kernels.scaling.points import FLOPS_EACH, Floats
from lmloop.nn.huggingface import read_config
from lmloop.report.training import Written


@dataclass(frozen=True, slots=True)
class Run:
    """A finished training: its parameters, and its losses (nats a token) over the tokens that had been read.

    ``held`` is the mean of the held-out losses of all sources. Of a branch, the tokens of its trunk count, too.
    ``batch`` is in tokens, ``rate`` the highest learning rate.
    """

    name: str
    params: int
    tokens: Floats
    loss: Floats
    held_tokens: Floats
    held: Floats
    batch: int
    rate: float

    @classmethod
    def read(cls, item: Artifact) -> "Run":
        """Read a base model's losses.

        Raises:
            DataError: it is none, or has no held-out loss.
        """
        written, card = Written.read(item.path), Card.read(item.path)
        if card.use != "pretrain" or not written.held or not written.steps:
            hint = "loss curves are those of pretrain steps with held-out text"
            raise DataError(f"{item.path.name} has no held-out loss", hint=hint)
        each = int(card.metrics["tokens"]) // int(card.metrics["steps"])
        before = tokens_read(item.path) - int(card.metrics["tokens"])
        steps = [row for row in written.steps if row["loss"] is not None]
        held = [sum(each["loss"] for each in row["held"].values()) / len(row["held"]) for row in written.held]
        return cls(
            item.id or item.path.name,
            read_config(item.path).parameters,
            before + each * np.array([row["step"] for row in steps], dtype=np.float64),
            np.array([row["loss"] for row in steps], dtype=np.float64),
            before + each * np.array(written.measured_at, dtype=np.float64),
            np.array(held, dtype=np.float64),
            each,
            max(float(row["rate"]) for row in written.steps),
        )

    @property
    def flops(self) -> float:
        """All operations of the training, 6 N D."""
        return FLOPS_EACH * self.params * float(self.tokens[-1])
