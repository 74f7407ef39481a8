"""PESC: a mixture of adapters behind each feed-forward, and LoRA on the linears."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from lmloop.core.method import Method, Quantised
from lmloop.core.sites import LowRank, Place, Router, Serial, Site, blocks, pick


class Pesc(Method):
    """Put ``h + scale * sum_e g_e U_e gelu(D_e drop(h))`` behind each feed-forward (Wu et al. 2024, section 3).

    ``scale`` is 1. h is the feed-forward's output and the router reads its input: the best ``top_k`` of ``experts``,
    softmax over those. ``width`` is that of an adapter, ``dropout`` that of its input. ``balance`` is the factor of the
    load balancing loss. The linears that ``targets`` name have LoRA of ``rank`` and ``alpha`` with the same dropout;
    with ``four_bits`` the frozen matrices are kept in NF4 under it, as in the paper (QLoRA).

    The reference code calls the adapter parallel, though it reads the feed-forward's output; it leaves the balancing
    loss out, and its function is a constant (a mean over the chosen experts of weights that sum to one). Here the loss
    is the paper's: of each layer, over tokens that are no padding.
    """

    experts: int = Field(default=8, ge=1)
    top_k: int = Field(default=2, ge=1)
    width: int = Field(default=64, ge=1)
    scale: float = Field(default=1.0, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    balance: float = Field(default=0.01, ge=0)
    rank: int = Field(default=64, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    targets: list[str] = ["all"]
    four_bits: bool = False

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put adapters behind each feed-forward block, and LoRA on the linears."""
        router = Router(top_k=min(self.top_k, self.experts), balance="switch", strength=self.balance)
        behind = Serial(self.width, self.scale, self.experts, router, self.dropout)
        plain = LowRank(self.rank, self.alpha / self.rank, dropout=self.dropout)
        return {
            **{place.name: behind for place in blocks(places)},
            **{place.name: plain for place in pick(places, self.targets)},
        }

    def quantised(self) -> Quantised | None:
        """Keep the frozen matrices in NF4, if so wanted."""
        return Quantised() if self.four_bits else None
