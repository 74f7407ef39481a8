"""MoLA: more LoRA experts in some layers than in others."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field, field_validator

from lmloop.core.errors import RecipeError
from lmloop.core.method import Method
from lmloop.core.sites import LowRank, Place, Router, Site, pick

PATTERNS = {
    "inverted-triangle": "2468",
    "triangle": "8642",
    "rectangle": "5555",
    "hourglass": "8228",
    "middle": "2882",
}


class Mola(Method):
    """Mixtures of LoRA on every linear, each with its own router, and a number of experts for each layer.

    ``experts`` is a pattern such as ``2468``: layers are divided into as many equal groups as it has digits, from the
    first to the last; or one of the names ``inverted-triangle`` (2468), ``triangle`` (8642), ``rectangle`` (5555),
    ``hourglass`` (8228) and ``middle`` (2882); or a list with the number of each layer (Gao et al. 2024, "Higher
    Layers Need More LoRA Experts", section 3.2; a later version of the paper finds that the middle layers do).
    ``top_k`` experts work on a token: softmax, the best, weights made to sum to one. ``rank``, ``alpha`` and
    ``dropout`` are those of each expert; ``targets`` the linears it sits on. ``balance`` is the factor of the load
    balancing loss.

    The reference code has that loss off, and takes it over the joined logits of a layer's routers, where they can
    cancel; here it is computed for each router and averaged. The code's own merge does silently nothing: here it is
    refused.
    """

    learning_rate: ClassVar[float] = 3e-4

    experts: str | list[int] = "2468"
    top_k: int = Field(default=2, ge=1)
    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    balance: float = Field(default=0.001, ge=0)
    targets: list[str] = Field(default=["all"], min_length=1)

    @field_validator("experts")
    @classmethod
    def _is_pattern(cls, value: str | list[int]) -> str | list[int]:
        if isinstance(value, str) and value not in PATTERNS and not re.fullmatch("[0-9]+", value):
            raise ValueError(f"write digits such as 2468, a list, or one of {', '.join(PATTERNS)}")
        counts = [int(digit) for digit in PATTERNS.get(value, value)] if isinstance(value, str) else value
        if not counts or min(counts) < 1:
            raise ValueError("every layer needs at least one expert")
        return value

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put as many experts on each target as its layer has."""
        return {place.name: self._site(self._count(place)) for place in pick(places, self.targets)}

    def _count(self, place: Place) -> int:
        if isinstance(self.experts, str):
            pattern = PATTERNS.get(self.experts, self.experts)
            return int(pattern[place.layer * len(pattern) // place.layers])
        if len(self.experts) != place.layers:
            raise RecipeError(
                f"experts lists {len(self.experts)} layers, but the model has {place.layers}",
                hint='name a number for each layer, or a pattern such as "2468"',
            )
        return self.experts[place.layer]

    def _site(self, experts: int) -> LowRank:
        router = Router(top_k=min(self.top_k, experts), balance="switch", strength=self.balance)
        return LowRank(self.rank, self.alpha / self.rank, experts, self.dropout, router)
