"""MixLoRA: feed-forward experts that share one frozen feed-forward, two of them a token."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from lmloop.core.method import Method
from lmloop.core.sites import FeedForwards, LowRank, Place, Router, Site, blocks, pick


class Mixlora(Method):
    """Turn each feed-forward into a mixture (Li et al. 2024, sections 3.1 to 3.3); attention gets plain LoRA.

    An expert is the frozen feed-forward plus its own LoRA on each of its linears. One router a block reads the block's
    input: softmax, the best ``top_k`` of ``experts``, weights made to sum to one. ``rank``, ``alpha`` and ``dropout``
    are those of all LoRAs. ``balance`` is the factor of the load balancing loss E * sum f P, computed for each layer
    and averaged, over tokens that are no padding; ``jitter`` shakes the router's input in training.
    ``attention`` names the linears with plain LoRA.

    Where the reference code differs from the paper, the paper is followed: the code takes the loss once over the
    logits of all layers, where they can cancel, counts padding, and does not divide by ``top_k``. The frozen
    down-projection is applied once to the weighed sum and not once an expert, which is equal because weights sum to
    one. Experts share one dropout mask a token.
    """

    experts: int = Field(default=8, ge=2)
    top_k: int = Field(default=2, ge=1)
    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    balance: float = Field(default=0.01, ge=0)
    jitter: float = Field(default=0.0, ge=0, lt=1)
    attention: list[str] = ["attention"]

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put a mixture on each feed-forward block, and LoRA on the attention."""
        router = Router(
            top_k=min(self.top_k, self.experts),
            deviation=0.02,
            balance="switch",
            strength=self.balance,
            jitter=self.jitter,
        )
        scale = self.alpha / self.rank
        mixture = FeedForwards(self.rank, scale, self.experts, router, self.dropout)
        plain = LowRank(self.rank, scale, dropout=self.dropout)
        return {
            **{place.name: mixture for place in blocks(places)},
            **{place.name: plain for place in pick(places, self.attention)},
        }
