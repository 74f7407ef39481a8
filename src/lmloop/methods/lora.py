"""LoRA: a low-rank change beside each frozen matrix."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from lmloop.core.method import Method
from lmloop.core.sites import LowRank, Place, Site, pick


class Lora(Method):
    """Train ``y = W x + (alpha / rank) B A x``: A begins random, B at 0 (Hu et al. 2021, section 4.1).

    ``rank`` is the number of rows of A; ``alpha`` sets the size of the change; ``dropout`` is that of A's input.
    ``targets`` are the linears it sits on: ``all``, ``attention``, ``ffn``, a name such as ``q_proj``, or a regular
    expression for a whole path. The paper's own experiments adapt queries and values only; all linears are needed to
    come close to full tuning (Dettmers et al. 2023, QLoRA, section 4).
    """

    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: list[str] = Field(default=["all"], min_length=1)

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put one low-rank pair on each target."""
        site = LowRank(self.rank, self.alpha / self.rank, dropout=self.dropout)
        return {place.name: site for place in pick(places, self.targets)}
