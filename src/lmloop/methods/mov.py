"""MoV: IA3's vectors as experts, merged softly for each token."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field, model_validator

from lmloop.core.method import Method
from lmloop.core.sites import Place, Rescale, Router, Site, pick


class Mov(Method):
    """Multiply keys, values and the feed-forward's inner values by ``sum_e g_e l_e`` (Zadouri et al. 2023, section 2).

    The gates are softmax of the very values that are multiplied; of keys and values those of each head by itself,
    with one router for all heads and vectors for each, as in the paper's code. Vectors begin at 1. ``experts`` is the
    number of vectors; ``outputs`` are the linears whose outputs are multiplied, ``inputs`` those whose inputs are.
    There is no loss for balance, and no bias in the router.
    """

    learning_rate: ClassVar[float] = 3e-4

    experts: int = Field(default=30, ge=1)
    outputs: list[str] = ["k_proj", "v_proj"]
    inputs: list[str] = ["down_proj"]

    @model_validator(mode="after")
    def _some(self) -> "Mov":
        if not self.outputs and not self.inputs:
            raise ValueError("name some outputs or inputs")
        return self

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put vectors and a router on each."""
        router = Router(deviation=0.02)
        heads = Rescale("output", self.experts, router, per_head=True)
        return {
            **{place.name: heads for place in pick(places, self.outputs)},
            **{place.name: Rescale("input", self.experts, router) for place in pick(places, self.inputs)},
        }
