"""Ops that learn from samples, and how well they do on samples that they have not seen."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Samples, each scored by what was learnt from others.

    ``texts`` [samples]; ``scores`` float64 [samples], of the op's ``statistic``; ``wanted`` bool [samples], whether the
    op should keep a sample; ``limit`` what the op's setting is now, ``keeps_above`` whether it keeps what lies above.
    """

    texts: list[str]
    scores: npt.NDArray[np.float64]
    wanted: npt.NDArray[np.bool_]
    statistic: str
    limit: float
    keeps_above: bool

    def kept(self, limit: float) -> npt.NDArray[np.bool_]:
        """Say of each sample whether it is kept with a limit."""
        return np.asarray(self.scores >= limit if self.keeps_above else self.scores <= limit)


@runtime_checkable
class Learns(Protocol):
    """An op that learns from samples."""

    def held_out(self) -> HeldOut:
        """Score each sample by what is learnt from the others."""
        ...
