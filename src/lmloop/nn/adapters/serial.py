"""Adapters behind a feed-forward block, a mixture of them (PESC).

Shape letters: N tokens, D width, E experts, R width of an adapter, Q = E x R.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lmloop.core.sites import Serial
from lmloop.nn.adapters.dropping import drop
from lmloop.nn.adapters.frame import Frame
from lmloop.nn.adapters.lowrank import weigh
from lmloop.nn.adapters.routing import TokenRouter, draw
from lmloop.nn.adapters.seat import Rider, Seat


class SerialRider(Rider):
    """``h + s * sum_e g_e U_e gelu(D_e drop(h))`` with h the block's output; gates are of the block's input."""

    def __init__(self, site: Serial, width: int) -> None:
        super().__init__()
        self.site = site
        self.D = nn.Parameter(torch.empty(site.experts, site.width, width))
        self.U = nn.Parameter(torch.zeros(site.experts, site.width, width))
        self.router = TokenRouter(site.router, width, site.experts)

    def begin(self, chance: torch.Generator) -> None:
        """Draw D and the router; U is 0."""
        draw(self.D, None, chance)
        self.router.begin(chance)

    def forward(self, seat: Seat, x: Tensor, frame: Frame, place: tuple[str, str]) -> Tensor:
        """Give the block's output with the weighed adapters added."""
        h = seat.bare(x)
        h_ND = h.reshape(-1, h.shape[-1])
        gates_NE = self.router(x.reshape(-1, x.shape[-1]), frame, place).dense().to(h.dtype)
        read_ND = drop(h_ND, self.site.dropout, self.training)
        inner_NQ = F.gelu(F.linear(read_ND, self.D.flatten(0, 1).to(h.dtype)))
        weighed_NQ = weigh(inner_NQ, gates_NE, self.site.scale)
        out: Tensor = torch.addmm(h_ND, weighed_NQ, self.U.flatten(0, 1).to(h.dtype))
        return out.view(h.shape)
