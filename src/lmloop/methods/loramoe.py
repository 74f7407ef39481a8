"""LoRAMoE: experts that divide what the model knows from what it is to learn."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from lmloop.core.method import Method
from lmloop.core.sites import LowRank, Place, Router, Site, pick


class Loramoe(Method):
    """Weigh LoRA experts softly on the feed-forward's linears (Dou et al. 2024, sections 3.2 and 3.3).

    Each linear has its own router: softmax over all ``experts``, which read that linear's input. The localized
    balancing constraint of strength ``balance`` parts two kinds of samples among two halves of the experts, added over
    all layers and linears. ``knowledge`` are the ids of the tasks of the first kind, which in the paper are those that
    ask for world knowledge. ``rank``, ``alpha`` and ``dropout`` are those of each expert; ``targets`` the linears it
    sits on.

    The loss is least where a kind has (1 - ``tilt``) / 2 of its weight on the half that bears its name, the first or
    the second, and the rest on the other: so it is published, and the parting is what matters. A negative tilt turns
    the names round.

    The reference script trains without the constraint, and one user of it saw no gain over LoRA: it is on here, with
    the paper's strength. The code counts padding and here it does not; the code divides the variance by the squared
    mean, which is followed, and the paper prints the deviation squared over the mean. The code draws dropout for each
    expert, here they share it.
    """

    experts: int = Field(default=8, ge=2)
    rank: int = Field(default=4, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    balance: float = Field(default=0.1, ge=0)
    tilt: float = Field(default=0.1, gt=-1, lt=1)
    knowledge: list[int] = [1]
    targets: list[str] = Field(default=["ffn"], min_length=1)

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put all experts on each target, with a router of its own."""
        router = Router(
            balance="localized",
            strength=self.balance,
            total="sum",
            tilt=self.tilt,
            first_half=tuple(self.knowledge),
        )
        site = LowRank(self.rank, self.alpha / self.rank, self.experts, self.dropout, router)
        return {place.name: site for place in pick(places, self.targets)}
