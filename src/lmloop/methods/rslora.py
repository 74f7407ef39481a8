"""rsLoRA: LoRA whose size does not shrink with its rank."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from lmloop.core.method import Method
from lmloop.core.sites import LowRank, Place, Site, pick


class Rslora(Method):
    """Scale LoRA's change by ``alpha / sqrt(rank)`` (Kalajdzievski 2023, section 3): large ranks then learn as well.

    ``rank`` is the number of rows of A; ``alpha`` sets the size of the change; ``dropout`` is that of its input.
    ``targets`` are the linears it sits on. The change at rank 64 is eight times that of LoRA with the same ``alpha``.
    """

    rank: int = Field(default=64, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: list[str] = Field(default=["all"], min_length=1)

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put one low-rank pair on each target."""
        site = LowRank(self.rank, self.alpha / self.rank**0.5, dropout=self.dropout)
        return {place.name: site for place in pick(places, self.targets)}
