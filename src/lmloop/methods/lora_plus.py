"""LoRA+: LoRA whose B learns faster than its A."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from lmloop.core.method import Method
from lmloop.core.sites import LowRank, Place, Site, pick


class LoraPlus(Method):
    """Train LoRA with a learning rate for B that is ``ratio`` times that of A (Hayou et al. 2024, section 4).

    The paper finds a ratio of 16 good (section 5). The rate that a training is given is that of A, so a smaller one
    than LoRA's is right. ``rank``, ``alpha``, ``dropout`` and ``targets`` are LoRA's.
    """

    ratio: float = Field(default=16.0, ge=1)
    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: list[str] = Field(default=["all"], min_length=1)

    learning_rate: ClassVar[float] = 5e-5

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put one low-rank pair on each target."""
        site = LowRank(self.rank, self.alpha / self.rank, dropout=self.dropout)
        return {place.name: site for place in pick(places, self.targets)}

    def rates(self) -> Mapping[str, float]:
        """Give B its faster rate."""
        return {"B": self.ratio}
