"""Mixtures of whole feed-forwards over one frozen feed-forward (MixLoRA).

Shape letters: N tokens, D width of the model, F width of the feed-forward, E experts, R rank, K chosen experts.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lmloop.core.sites import FeedForwards
from lmloop.nn.adapters.dispatch import Plan, SwiGluExperts
from lmloop.nn.adapters.dropping import draw as draw_kept
from lmloop.nn.adapters.dropping import factor, ranks
from lmloop.nn.adapters.frame import Frame
from lmloop.nn.adapters.layout import Form, activation, form
from lmloop.nn.adapters.lowrank import computed_in, sizes
from lmloop.nn.adapters.routing import TokenRouter, Weighed, draw
from lmloop.nn.adapters.seat import Rider, Seat


class FeedForwardRider(Rider):
    """E feed-forwards, each the frozen one with its own low-rank pairs ``A_*`` (E, R, in) and ``B_*`` (E, R, out)."""

    def __init__(self, site: FeedForwards, block: nn.Module) -> None:
        super().__init__()
        self.site, self.form = site, cast(Form, form(block))
        inner, width = sizes(block.get_submodule(self.form.down))
        gated = self.form.gate is not None or self.form.fused
        self.A_gate: nn.Parameter | None
        self.B_gate: nn.Parameter | None
        self.A_gate, self.B_gate = self._pair(width, inner) if gated else (None, None)
        self.A_up, self.B_up = self._pair(width, inner)
        self.A_down, self.B_down = self._pair(inner, width)
        self.router = TokenRouter(site.router, width, site.experts)

    def begin(self, chance: torch.Generator) -> None:
        """Draw every A and the router; every B is 0."""
        for A in (self.A_gate, self.A_up, self.A_down):
            if A is not None:
                draw(A, None, chance)
        self.router.begin(chance)

    def forward(self, seat: Seat, x: Tensor, frame: Frame, place: tuple[str, str]) -> Tensor:
        """Give the weighed sum of the experts.

        The frozen down-projection is linear and the weights sum to one: it is applied once, to the weighed sum.
        """
        x_ND = x.to(computed_in(x)).reshape(-1, x.shape[-1])
        weighed = self.router(x_ND, frame, place)
        opened = self._opened(seat, x_ND)
        act = activation(seat)
        if opened[0] is not None and weighed.chosen_NK is not None and is_silu(act):
            H_NF, low_NQ = self._sorted(opened, x_ND, weighed)
        else:
            H_NF, low_NQ = self._every(opened, x_ND, weighed, act)
        out = plain(seat, self.form.down, H_NF)
        return torch.addmm(out, low_NQ, _flat(self.B_down, out)).view(x.shape)

    def _pair(self, inputs: int, outputs: int) -> tuple[nn.Parameter, nn.Parameter]:
        experts, rank = self.site.experts, self.site.rank
        return nn.Parameter(torch.empty(experts, rank, inputs)), nn.Parameter(torch.zeros(experts, rank, outputs))

    def _opened(self, seat: nn.Module, x_ND: Tensor) -> tuple[Tensor | None, Tensor]:
        """Give the frozen products that experts share: of the gate (if there is one) and of up."""
        if self.form.fused:
            gate, up = plain(seat, self.form.up, x_ND).chunk(2, -1)
            return gate.contiguous(), up.contiguous()
        gate_NF = None if self.form.gate is None else plain(seat, self.form.gate, x_ND)
        return gate_NF, plain(seat, self.form.up, x_ND)

    def _ranks(self, x_ND: Tensor) -> list[Tensor]:
        """Give the rank spaces (N, Q) of gate and up, from one product."""
        As = [_flat(A, x_ND) for A in (self.A_gate, self.A_up) if A is not None]
        read = ranks(x_ND, self._kept(x_ND), torch.cat(As)) * self._factor
        return [part.contiguous() for part in read.chunk(len(As), -1)]

    def _kept(self, like: Tensor) -> Tensor | None:
        """Draw which values dropout leaves, one draw for all experts of a token."""
        return draw_kept(like, self.site.dropout) if self.training and self.site.dropout else None

    @property
    def _factor(self) -> float:
        return factor(self.site.dropout) if self.training else 1.0

    def _sorted(self, opened: tuple[Tensor | None, Tensor], x_ND: Tensor, weighed: Weighed) -> tuple[Tensor, Tensor]:
        gate_NF, up_NF = opened
        a_gate, a_up = self._ranks(x_ND)
        kind, experts = up_NF.dtype, self.site.experts
        assert self.B_gate is not None
        assert weighed.chosen_NK is not None
        H_NF, low_NQ = SwiGluExperts.apply(  # type: ignore[no-untyped-call]
            gate_NF,
            up_NF,
            a_gate,
            a_up,
            self.B_gate.to(kind),
            self.B_up.to(kind),
            self.A_down.to(kind),
            weighed.weights.to(kind),
            self._kept(up_NF),
            (self.site.scale, self.site.scale * self._factor),
            Plan.of(weighed.chosen_NK, experts),
        )
        return H_NF, low_NQ

    def _every(
        self, opened: tuple[Tensor | None, Tensor], x_ND: Tensor, weighed: Weighed, act: nn.Module | None
    ) -> tuple[Tensor, Tensor]:
        """Any activation: one pass a choice, each token with its own expert's ranks, the others at 0."""
        gate_NF, up_NF = opened
        of_x, kept_NF = self._ranks(x_ND), self._kept(up_NF)
        experts, rank, scale = self.site.experts, self.site.rank, self.site.scale
        H_NF, low_NQ = torch.zeros_like(up_NF), torch.zeros_like(of_x[-1])
        chosen_NK = weighed.chosen_NK
        if chosen_NK is None:
            chosen_NK = torch.arange(experts, device=x_ND.device).expand(len(x_ND), experts)
        for choice in range(chosen_NK.shape[1]):
            mine_NQ = F.one_hot(chosen_NK[:, choice], experts).repeat_interleave(rank, 1).to(up_NF.dtype) * scale
            up = torch.addmm(up_NF, of_x[-1] * mine_NQ, _flat(self.B_up, up_NF))
            if gate_NF is None:
                h = act(up) if act is not None else F.silu(up)
            else:
                gate = torch.addmm(gate_NF, of_x[0] * mine_NQ, _flat(cast(Tensor, self.B_gate), up_NF))
                h = (act(gate) if act is not None else F.silu(gate)) * up
            weight_N1 = weighed.weights[:, choice, None].to(h.dtype)
            read = h if kept_NF is None else torch.where(kept_NF, h, 0.0) * self._factor
            low_NQ = low_NQ + F.linear(read, _flat(self.A_down, h)) * mine_NQ * weight_N1
            H_NF = H_NF + h * weight_N1
        return H_NF, low_NQ


def is_silu(act: nn.Module | None) -> bool:
    """Say whether an activation is SiLU; transformers has a class of its own for it."""
    return act is None or type(act).__name__ in ("SiLU", "SiLUActivation")


def plain(block: nn.Module, name: str, x: Tensor) -> Tensor:
    """Apply a linear of a block without what sits on it."""
    linear = block.get_submodule(name)
    out: Tensor = linear.bare(x) if isinstance(linear, Seat) else linear(x)
    return out


def _flat(weight: Tensor, like: Tensor) -> Tensor:
    """Put experts and ranks in one dimension, in the type that is computed in."""
    return weight.flatten(0, 1).to(like.dtype)
