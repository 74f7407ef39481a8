"""Finished runs as a fit wants them: how big, on how much, with what loss."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

FLOPS_EACH = 6.0
"""Floating-point operations for each parameter and token of training (Kaplan et al. 2020, section 2.1), as a float:
6 times 70 billion times 1.4 trillion overflows a 64-bit integer."""


@dataclass(frozen=True)
class Points:
    """Runs, one entry each: parameters, tokens, final loss (nats a token) and training FLOPs, all positive.

    ``group`` numbers what a run belongs to (its data, its optimizer); ``groups`` has the names.
    """

    params: Floats
    tokens: Floats
    loss: Floats
    flops: Floats
    group: Ints
    groups: tuple[str, ...] = ("",)

    @classmethod
    def of(cls, params: Any, tokens: Any, loss: Any, group: Any = None, groups: tuple[str, ...] = ("",)) -> "Points":
        """Make points of three columns; FLOPs are 6ND."""
        n, d, y = (np.asarray(column, dtype=np.float64) for column in (params, tokens, loss))
        number = np.zeros(len(n), dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
        return cls(n, d, y, FLOPS_EACH * n * d, number, groups)

    @cached_property
    def log_params(self) -> Floats:
        """The natural logarithm of the parameters."""
        return np.log(self.params)

    @cached_property
    def log_tokens(self) -> Floats:
        """The natural logarithm of the tokens."""
        return np.log(self.tokens)

    @cached_property
    def log_flops(self) -> Floats:
        """The natural logarithm of the FLOPs."""
        return np.log(self.flops)

    @cached_property
    def log_loss(self) -> Floats:
        """The natural logarithm of the loss."""
        return np.log(self.loss)

    def __len__(self) -> int:
        return len(self.params)

    def where(self, keep: Mask | Ints) -> "Points":
        """Keep some of the runs."""
        columns = {name: getattr(self, name)[keep] for name in ("params", "tokens", "loss", "flops", "group")}
        return replace(self, **columns)
