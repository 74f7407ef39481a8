"""IA3: learned factors of keys, values and the feed-forward's inner values."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import model_validator

from lmloop.core.method import Method
from lmloop.core.sites import Place, Rescale, Site, pick


class Ia3(Method):
    """Train one vector a place, which begins at 1 (Liu et al. 2022, section 3.3).

    ``outputs`` are the linears whose outputs are multiplied: keys and values; ``inputs`` those whose inputs are: the
    feed-forward's last linear. It has the fewest weights of all methods, and learns with a larger rate than others.
    """

    learning_rate: ClassVar[float] = 3e-3

    outputs: list[str] = ["k_proj", "v_proj"]
    inputs: list[str] = ["down_proj"]

    @model_validator(mode="after")
    def _some(self) -> "Ia3":
        if not self.outputs and not self.inputs:
            raise ValueError("name some outputs or inputs")
        return self

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put one vector on each."""
        return {
            **{place.name: Rescale("output") for place in pick(places, self.outputs)},
            **{place.name: Rescale("input") for place in pick(places, self.inputs)},
        }
