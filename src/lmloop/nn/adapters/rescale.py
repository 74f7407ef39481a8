"""Learned factors of a linear's outputs or inputs: one vector (IA3), or a mixture of vectors (MoV).

Shape letters: N tokens, O width, E experts, H heads, D width of a head.
"""

import torch
from torch import Tensor, nn

from lmloop.core.sites import Rescale
from lmloop.nn.adapters.frame import Frame
from lmloop.nn.adapters.lowrank import sizes
from lmloop.nn.adapters.routing import TokenRouter
from lmloop.nn.adapters.seat import Rider, Seat


class RescaleRider(Rider):
    """``vectors`` (H, E, D), all 1 at first; H is 1 where values are not divided into heads."""

    def __init__(self, site: Rescale, seat: nn.Module, head: int) -> None:
        super().__init__()
        inputs, outputs = sizes(seat)
        width = outputs if site.side == "output" else inputs
        self.site, self.head = site, head if site.per_head else width
        self.vectors = nn.Parameter(torch.ones(width // self.head, site.experts, self.head))
        self.router = TokenRouter(site.router, self.head, site.experts) if site.router is not None else None

    def begin(self, chance: torch.Generator) -> None:
        """Draw the router; the vectors are 1."""
        if self.router is not None:
            self.router.begin(chance)

    def forward(self, seat: Seat, x: Tensor, frame: Frame, place: tuple[str, str]) -> Tensor:
        """Give the linear's output, with its values or its input's rescaled."""
        if self.site.side == "input":
            return seat.bare(self._rescaled(x, frame, place))
        return self._rescaled(seat.bare(x), frame, place)

    def factors(self) -> Tensor:
        """Give the factors (O) of a vector that needs no router."""
        return self.vectors.detach().flatten()

    def _rescaled(self, y: Tensor, frame: Frame, place: tuple[str, str]) -> Tensor:
        if self.router is None:
            return y * self.vectors.flatten().to(y.dtype)
        heads, experts, width = self.vectors.shape
        gates = self.router(y.reshape(-1, width), frame, place, heads).dense()
        gates_NHE = gates.view(-1, heads, experts).to(y.dtype)
        factors = torch.einsum("nhe,hed->nhd", gates_NHE, self.vectors.to(y.dtype))
        return y * factors.reshape(y.shape)
