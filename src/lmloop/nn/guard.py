"""A guard against steps that do harm: skip them, and after three in a row go back and round them. No torch here."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

WINDOW, YOUNG = 48, 16
MOST_SKIPS, MOST_ROLLBACKS = 3, 5
SLOW_STEPS, SLOW_FACTOR = 100, 0.5
SMOOTH = 0.8


@dataclass(slots=True)
class Guard:
    """What the last good steps were like. A new one is bad if its loss is not finite or stands out from them.

    It stands out where the loss is further above its running mean than is usual by six scaled median deviations (and
    5 %), or the gradient more than ten times as long as is usual. The first steps are only looked at for being finite.
    """

    away: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    norms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    mean: float = 0.0
    skips: int = 0
    rollbacks: int = 0
    slow_until: int = 0

    def judge(self, loss: float, norm: float, outliers: bool = True) -> str:
        """Say what is wrong with a step; nothing if it is good. Without ``outliers`` none is bad for standing out."""
        if not math.isfinite(loss) or not math.isfinite(norm):
            return "not finite"
        if not outliers or len(self.away) < YOUNG:
            return ""
        # how far losses are from their running mean, and not from each other: one that falls fast is no noise
        usual = median(self.away)
        spread = 1.4826 * median(abs(each - usual) for each in self.away)
        if loss - self.mean > usual + max(6 * spread, 0.05 * abs(self.mean)):
            return "loss"
        return "gradient" if norm > 10 * median(self.norms) else ""

    def accept(self, loss: float, norm: float) -> None:
        """Remember a good step."""
        before = self.mean if self.norms else loss
        self.mean = SMOOTH * before + (1 - SMOOTH) * loss
        self.away.append(loss - before)
        self.norms.append(norm)
        self.skips = 0

    def rolled_back(self, step: int, rollbacks: int) -> None:
        """Go on carefully after going back to a step."""
        self.skips, self.rollbacks, self.slow_until = 0, rollbacks + 1, step + SLOW_STEPS

    def factor(self, step: int) -> float:
        """Give the factor of the learning rate."""
        return SLOW_FACTOR if step < self.slow_until else 1.0

    def plain(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "away": list(self.away),
            "norms": list(self.norms),
            "mean": self.mean,
            "skips": self.skips,
            "rollbacks": self.rollbacks,
            "slow_until": self.slow_until,
        }

    @classmethod
    def from_plain(cls, said: Mapping[str, Any]) -> "Guard":
        """Read it from JSON."""
        history = {name: deque(said[name], maxlen=WINDOW) for name in ("away", "norms")}
        return cls(**{**said, **history})
