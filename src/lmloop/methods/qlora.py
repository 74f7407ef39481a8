"""QLoRA: LoRA on a frozen model that is kept in four bits a weight."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from lmloop.core.method import Method, Quantised
from lmloop.core.sites import LowRank, Place, Site, pick


class Qlora(Method):
    """Keep the matrices of all layers in NF4 and train LoRA beside them (Dettmers et al. 2023, section 3).

    NF4 rounds blocks of ``block`` weights to sixteen levels; ``double`` keeps the blocks' factors in 8 bits. Products
    are computed in the type of the model: a matrix is unfolded when it is needed, and again in the backward pass. It
    is lmloop's own code in plain PyTorch and runs on any device; it saves memory and costs time. ``rank``, ``alpha``
    and ``dropout`` are LoRA's, with the paper's values; ``targets`` are the linears it sits on, and all matter (section
    4). The paper's paged optimizer is not part of it.
    """

    block: int = Field(default=64, ge=16)
    double: bool = True
    rank: int = Field(default=64, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    targets: list[str] = Field(default=["all"], min_length=1)

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put one low-rank pair on each target."""
        site = LowRank(self.rank, self.alpha / self.rank, dropout=self.dropout)
        return {place.name: site for place in pick(places, self.targets)}

    def quantised(self) -> Quantised:
        """Keep the frozen matrices in NF4."""
        return Quantised(self.block, self.double)
