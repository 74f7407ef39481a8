"""MoLoRA: LoRA experts on every linear, merged softly for each token."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from lmloop.core.method import Method
from lmloop.core.sites import LowRank, Place, Router, Site, pick


class Molora(Method):
    """Weigh all LoRA experts of each linear by softmax of that linear's input (Zadouri et al. 2023, section 2).

    The router has no bias and begins normal with deviation 0.02, and so does A; no loss keeps it balanced. ``experts``
    have ``rank`` and ``alpha`` each; ``dropout`` is that of their input, of which the paper has none; ``targets`` are
    the linears it sits on. The paper's code is for T5 on TPUs: T5's layers are those of a decoder here, and tokens x
    experts x outputs is never made.
    """

    learning_rate: ClassVar[float] = 3e-4

    experts: int = Field(default=10, ge=1)
    rank: int = Field(default=4, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: list[str] = Field(default=["all"], min_length=1)

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put all experts on each target, with a router of its own."""
        site = LowRank(
            self.rank, self.alpha / self.rank, self.experts, self.dropout, Router(deviation=0.02), deviation=0.02
        )
        return {place.name: site for place in pick(places, self.targets)}
