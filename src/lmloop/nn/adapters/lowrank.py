"""Low-rank changes of a linear: LoRA, and mixtures of it by one product for all experts.

The change of E experts with gates g is ``s * ((x A^T) * g) B``: x goes into the rank space of all experts at once, is
weighed there, and comes back in a second product. It equals the weighed sum of the experts' changes, and no tensor of
tokens x experts x outputs is ever made.

Shape letters: N tokens, I inputs, O outputs, E experts, R rank, Q = E x R.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lmloop.core.errors import DataError
from lmloop.core.sites import LowRank
from lmloop.nn.adapters.dropping import draw as draw_kept
from lmloop.nn.adapters.dropping import drop, factor, ranks
from lmloop.nn.adapters.frame import Frame
from lmloop.nn.adapters.nf4 import Linear4
from lmloop.nn.adapters.routing import TaskRouter, TokenRouter, draw
from lmloop.nn.adapters.seat import Rider, Seat, plain_class


class LowRankRider(Rider):
    """E low-rank pairs on one linear: ``A`` (E, R, I) and ``B`` (E, R, O), both in float32."""

    def __init__(self, site: LowRank, seat: nn.Module, shared: TaskRouter | None) -> None:
        super().__init__()
        inputs, outputs = sizes(seat)
        self.site = site
        self.A = nn.Parameter(torch.empty(site.experts, site.rank, inputs))
        self.B = nn.Parameter(torch.zeros(site.experts, site.rank, outputs))
        token = site.router is not None and site.router.reads == "token"
        self.router = TokenRouter(cast(Any, site.router), inputs, site.experts) if token else None
        self._shared = (shared,)  # in a tuple: it is the model's and not this module's
        self.magnitude = nn.Parameter(lengths(seat)) if site.magnitude else None

    def begin(self, chance: torch.Generator) -> None:
        """Draw A and the router; B is 0."""
        draw(self.A, self.site.deviation, chance)
        if self.router is not None:
            self.router.begin(chance)

    def forward(self, seat: Seat, x: Tensor, frame: Frame, place: tuple[str, str]) -> Tensor:
        """Give ``W x + s * sum_e g_e B_e A_e drop(x)``."""
        if self.magnitude is not None:
            return self._with_magnitude(seat, x, self.magnitude)
        router = self.router or self._shared[0]
        gates_NE = None
        if router is not None:
            gates_NE = router(x.reshape(-1, x.shape[-1]), frame, place).dense()
        return adapted(seat, x, Pair(self.A, self.B, gates_NE, self.site.scale, self.site.dropout * self.training))

    def delta(self, gates_E: Tensor | None = None) -> Tensor:
        """Give the change (O, I) of the matrix for fixed gates."""
        scaled = self.B if gates_E is None else self.B * gates_E[:, None, None]
        return self.site.scale * scaled.flatten(0, 1).T @ self.A.flatten(0, 1)

    def _with_magnitude(self, seat: Seat, x: Tensor, magnitude: Tensor) -> Tensor:
        """DoRA: the changed matrix's rows, each brought to a length that is learned.

        The length of what is divided by counts as a constant in the backward pass (Liu et al. 2024, section 4.3).
        With dropout the frozen product is that of the undropped x where it is only itself, and of the dropped x where
        its length changes, as in ``peft``.
        """
        weight = matrix(seat)
        with torch.no_grad():
            ratio_den_O = torch.linalg.norm(weight + self.delta(), dim=1)
        ratio_O = magnitude / ratio_den_O
        out = seat.bare(x)
        bias = getattr(seat, "bias", None)
        if self.training and self.site.dropout:
            x = drop(x, self.site.dropout, self.training)
            plain = F.linear(x.to(out.dtype), weight.to(out.dtype))
        else:
            plain = out if bias is None else out - bias
        low = F.linear(F.linear(x.to(out.dtype), self.A[0].to(out.dtype)), self.B[0].T.to(out.dtype)) * self.site.scale
        ratio_O = ratio_O.to(out.dtype)
        changed: Tensor = out + (ratio_O - 1) * plain + ratio_O * low
        return changed


@dataclass(frozen=True, slots=True)
class Pair:
    """The two matrices of a change with their gates: ``A`` (E, R, I), ``B`` (E, R, O), gates (N, E) or None.

    ``dropped`` is the share of the input's values that the change does not read.
    """

    A: Tensor
    B: Tensor
    gates_NE: Tensor | None
    scale: float
    dropped: float

    def of(self, kind: torch.dtype) -> tuple[Tensor, Tensor, Tensor | None]:
        """Give A (Q, I), B (Q, O) and the gates in the type that is computed in."""
        gates = None if self.gates_NE is None else self.gates_NE.to(kind)
        return self.A.flatten(0, 1).to(kind), self.B.flatten(0, 1).to(kind), gates


def adapted(seat: Seat, x: Tensor, pair: Pair) -> Tensor:
    """Give the output of a linear with a low-rank change."""
    kind = computed_in(x)
    x = x.to(kind)
    shape = x.shape
    x_NI = x.reshape(-1, shape[-1])
    kept_NI = draw_kept(x_NI, pair.dropped) if pair.dropped else None
    scale = pair.scale * factor(pair.dropped)
    A_QI, B_QO, gates_NE = pair.of(kind)
    if plain_class(seat) is nn.Linear:
        weight, bias = cast(Tensor, seat.weight).to(kind), cast("Tensor | None", seat.bias)
        bias = None if bias is None else bias.to(kind)
        out = _Changed.apply(x_NI, kept_NI, weight, bias, A_QI, B_QO, gates_NE, scale)  # type: ignore[no-untyped-call]
    else:
        out = seat.bare(x_NI) + weigh(ranks(x_NI, kept_NI, A_QI), gates_NE, scale) @ B_QO
    return cast(Tensor, out).view(*shape[:-1], -1)


def weigh(h_NQ: Tensor, gates_NE: Tensor | None, scale: float) -> Tensor:
    """Weigh the experts in their rank space."""
    if gates_NE is None:
        return h_NQ * scale
    tokens, experts = gates_NE.shape
    return (h_NQ.view(tokens, experts, -1) * (gates_NE * scale)[..., None]).view(tokens, -1)


class _Changed(torch.autograd.Function):
    """A frozen linear with its change: the sums of both ways are added in place, where autograd would make copies."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        x_NI, kept_NI, weight_OI, bias_O, A_QI, B_QO, gates_NE, scale = given
        h_NQ = (x_NI if kept_NI is None else torch.where(kept_NI, x_NI, 0.0)) @ A_QI.T
        y_NO = F.linear(x_NI, weight_OI, bias_O)
        y_NO.addmm_(weigh(h_NQ, gates_NE, scale), B_QO)
        ctx.save_for_backward(x_NI, kept_NI, weight_OI, A_QI, B_QO, gates_NE, h_NQ)
        ctx.scale = scale
        return y_NO

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x_NI, kept_NI, weight_OI, A_QI, B_QO, gates_NE, h_NQ = ctx.saved_tensors
        g_NO = grads[0].contiguous()
        wants = ctx.needs_input_grad
        weighed_g_NQ = g_NO @ B_QO.T
        gB = weigh(h_NQ, gates_NE, ctx.scale).T @ g_NO if wants[5] else None
        g_gates = None
        if gates_NE is not None and wants[6]:
            tokens, experts = gates_NE.shape
            g_gates = (weighed_g_NQ * h_NQ).view(tokens, experts, -1).sum(-1) * ctx.scale
        gh_NQ = weigh(weighed_g_NQ, gates_NE, ctx.scale)
        gA = gh_NQ.T @ (x_NI if kept_NI is None else torch.where(kept_NI, x_NI, 0.0)) if wants[4] else None
        g_x = None
        if wants[0]:
            g_x = g_NO @ weight_OI
            if kept_NI is None:
                g_x.addmm_(gh_NQ, A_QI)
            else:
                g_x.add_(torch.where(kept_NI, gh_NQ @ A_QI, 0.0))
        return g_x, None, None, None, gA, gB, g_gates, None


def computed_in(x: Tensor) -> torch.dtype:
    """Give the type that products are computed in."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def sizes(linear: nn.Module) -> tuple[int, int]:
    """Give a linear's inputs and outputs."""
    return int(cast(Any, linear).in_features), int(cast(Any, linear).out_features)


def matrix(linear: nn.Module) -> Tensor:
    """Give a linear's matrix (O, I), unfolded where it is kept in four bits.

    Raises:
        DataError: it is no linear that is known.
    """
    if plain_class(linear) is Linear4:
        return cast(Linear4, linear).unfolded()
    if plain_class(linear) is nn.Linear:
        return cast(Tensor, linear.weight).detach()
    raise DataError(f"a {type(linear).__name__} has no matrix that adapters know")


def lengths(linear: nn.Module) -> Tensor:
    """Give the length of each row of a linear's matrix, (O), in float32 at least."""
    weight = matrix(linear)
    found: Tensor = torch.linalg.norm(weight.to(torch.promote_types(weight.dtype, torch.float32)), dim=1)
    return found
