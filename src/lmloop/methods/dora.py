"""DoRA: LoRA for the direction of each output's weights, and a learned length."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from lmloop.core.method import Method
from lmloop.core.sites import LowRank, Place, Site, pick


class Dora(Method):
    """Train ``m * (W + (alpha / rank) B A) / ||W + (alpha / rank) B A||`` (Liu et al. 2024, section 4).

    The norm is that of each output's row (the paper calls it a column) and counts as a constant in the backward pass
    (section 4.3); m begins as the norm of W. ``rank``, ``alpha`` and ``dropout`` are those of the low-rank part;
    ``targets`` are the linears it sits on. The paper leaves out the attention's output and the gate.

    Costs more than LoRA: the changed matrix is made for its norm in each step.
    """

    rank: int = Field(default=32, ge=1)
    alpha: float = Field(default=64.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: list[str] = Field(default=["all"], min_length=1)

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put one low-rank pair and lengths on each target."""
        site = LowRank(self.rank, self.alpha / self.rank, dropout=self.dropout, magnitude=True)
        return {place.name: site for place in pick(places, self.targets)}
