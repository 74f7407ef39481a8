"""Learning rates over a training: warm up, hold and decay (WSD), or half a cosine. No torch here."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["wsd", "cosine"]
DECADES = 0
"""In the place of how often: after 1, 2, 5, 10, 20, 50 steps and so on."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The factor of the learning rate at each step.

    ``wsd`` (Hu et al. 2024, MiniCPM, section 4) holds the rate until the last ``decay`` steps and then lets it fall
    to ``floor`` as 1 - sqrt does (Hagele et al. 2024, section 4): a training can be branched off at any step before
    that, and decayed there. ``cosine`` (Loshchilov and Hutter 2017) falls all the way.
    """

    kind: Kind
    steps: int
    warmup: int
    decay: int
    floor: float

    def factor(self, step: int) -> float:
        """Give the factor for the step that comes after ``step`` others."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        start = self.decay_start
        if step < start:
            return 1.0
        progress = min(1.0, (step + 1 - start) / max(1, self.steps - start))
        if self.kind == "cosine":
            return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * progress)) / 2
        return self.floor + (1 - self.floor) * (1 - math.sqrt(progress))

    @property
    def decay_start(self) -> int:
        """After how many steps the rate begins to fall: where others can branch off."""
        return self.warmup if self.kind == "cosine" else max(self.warmup, self.steps - self.decay)


def is_due(step: int, every: int) -> bool:
    """Say whether something that is done every so many steps, or by ``DECADES``, is done after this one."""
    if every != DECADES:
        return step % every == 0
    return str(step).rstrip("0") in ("1", "2", "5")
