"""Experts inside a gated feed-forward: each token's own, from products that all experts share.

The frozen products u1 = W1 x and u3 = W3 x are the same for every expert. Tokens are sorted by expert once; each
expert then works on its own slice: it adds its low-rank change to the gathered rows, opens and closes, and all are
summed with their weights. What is as large as tokens x experts x width of the feed-forward is computed again in the
backward pass and not kept.

Shape letters: N tokens, K experts of a token, P = N x K pairs sorted by expert, E experts, R rank, F width of the
feed-forward.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Plan:
    """Pairs of token and expert, sorted by expert: ``token_P``, ``expert_P``, and where a token's pairs are."""

    order_P: Tensor
    token_P: Tensor
    expert_P: Tensor
    place_NK: Tensor
    counts: tuple[int, ...]

    @classmethod
    def of(cls, chosen_NK: Tensor, experts: int) -> "Plan":
        """Sort the pairs; equal ones keep their order, so that a result hangs on nothing else."""
        tokens, best = chosen_NK.shape
        flat_P = chosen_NK.reshape(-1)
        order_P = torch.argsort(flat_P, stable=True)
        place_P = torch.empty_like(order_P)
        place_P[order_P] = torch.arange(len(order_P), device=order_P.device)
        counts = torch.bincount(flat_P, minlength=experts).tolist()
        return cls(order_P, order_P // best, flat_P[order_P], place_P.view(tokens, best), tuple(counts))

    def slices(self) -> Iterator[tuple[int, slice]]:
        """Give each expert that has tokens, with its pairs."""
        start = 0
        for expert, count in enumerate(self.counts):
            if count:
                yield expert, slice(start, start + count)
            start += count

    def take(self, x_NQ: Tensor, experts: int) -> Tensor:
        """Take each pair's share of a rank space: (N, E x R) to (P, R)."""
        return x_NQ.view(len(x_NQ), experts, -1)[self.token_P, self.expert_P]

    def put(self, x_PR: Tensor, experts: int) -> Tensor:
        """Put shares back in the rank space, 0 where a token has no pair: (P, R) to (N, E x R)."""
        out = x_PR.new_zeros(len(self.place_NK), experts, x_PR.shape[1])
        out[self.token_P, self.expert_P] = x_PR
        return out.view(len(out), -1)

    def total(self, x_PF: Tensor, weights_NK: Tensor | None = None) -> Tensor:
        """Sum the pairs of each token, weighed: (P, F) to (N, F)."""
        return F.embedding_bag(self.place_NK, x_PF, per_sample_weights=weights_NK, mode="sum")


class SwiGluExperts(torch.autograd.Function):
    """``H = sum_k w_k h_k`` with ``h_k = silu(u1 + s a1 B1) * (u3 + s a3 B3)``, and the down-LoRA's rank space.

    a1, a3 (N, Q) are the rank spaces of gate and up. The second output (N, Q) is ``w_k s2 h_k A2^T`` in the place of
    its expert: a product with B2 is left to the caller. There h is read only where ``kept`` (N, F) is true, if it is
    not None. The scales are s and s2.
    """

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:  # noqa: D102
        u1, u3, a1, a3, B1, B3, A2, weights_NK, kept, (scale, low_scale), plan = given
        experts = len(B1)
        a1_PR, a3_PR = plan.take(a1, experts) * scale, plan.take(a3, experts) * scale
        pairs, width = len(plan.token_P), u1.shape[1]
        h_PF, c_PR = u1.new_empty(pairs, width), u1.new_empty(pairs, A2.shape[1])
        for expert, part in plan.slices():
            rows = plan.token_P[part]
            z1, z3 = u1[rows].addmm_(a1_PR[part], B1[expert]), u3[rows].addmm_(a3_PR[part], B3[expert])
            h = torch.mul(F.silu(z1, inplace=True), z3, out=h_PF[part])
            torch.mm(h if kept is None else torch.where(kept[rows], h, 0.0), A2[expert].T, out=c_PR[part])
        w_P = weights_NK.reshape(-1)[plan.order_P]
        ctx.save_for_backward(u1, u3, a1_PR, a3_PR, B1, B3, A2, weights_NK, c_PR, kept)
        ctx.scale, ctx.low_scale, ctx.plan = scale, low_scale, plan
        return plan.total(h_PF, weights_NK), plan.put(c_PR * (w_P * low_scale)[:, None], experts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102
        u1, u3, a1_PR, a3_PR, B1, B3, A2, weights_NK, c_PR, kept = ctx.saved_tensors
        gH, plan, scale, experts = grads[0].contiguous(), ctx.plan, ctx.scale, len(B1)
        w_P = weights_NK.reshape(-1)[plan.order_P]
        gc_PR = plan.take(grads[1], experts)
        gw_P = (gc_PR * c_PR).sum(1) * ctx.low_scale
        gc_PR = gc_PR * (w_P * ctx.low_scale)[:, None]
        gz1_PF, gz3_PF = u1.new_empty(len(w_P), u1.shape[1]), u1.new_empty(len(w_P), u1.shape[1])
        ga1_PR, ga3_PR = torch.empty_like(a1_PR), torch.empty_like(a3_PR)
        gB1, gB3, gA2 = torch.zeros_like(B1), torch.zeros_like(B3), torch.zeros_like(A2)
        for expert, part in plan.slices():
            rows = plan.token_P[part]
            z1, z3 = u1[rows].addmm_(a1_PR[part], B1[expert]), u3[rows].addmm_(a3_PR[part], B3[expert])
            opened = torch.sigmoid(z1)
            silu = z1.mul_(opened)
            h, gh = silu * z3, gH[rows]
            gw_P[part] += torch.linalg.vecdot(gh, h)
            torch.mm(gc_PR[part].T, h if kept is None else torch.where(kept[rows], h, 0.0), out=gA2[expert])
            if kept is None:
                gh.mul_(w_P[part, None]).addmm_(gc_PR[part], A2[expert])
            else:
                gh.mul_(w_P[part, None]).add_(torch.where(kept[rows], gc_PR[part] @ A2[expert], 0.0))
            g3 = torch.mul(gh, silu, out=gz3_PF[part])
            # the slope of silu is sigmoid + silu * (1 - sigmoid)
            slope = silu.addcmul_(silu, opened, value=-1).add_(opened)
            g1 = torch.mul(gh.mul_(z3), slope, out=gz1_PF[part])
            torch.mm(g1, B1[expert].T, out=ga1_PR[part])
            torch.mm(g3, B3[expert].T, out=ga3_PR[part])
            torch.mm(a1_PR[part].T, g1, out=gB1[expert])
            torch.mm(a3_PR[part].T, g3, out=gB3[expert])
        gw_NK = torch.empty_like(gw_P)
        gw_NK[plan.order_P] = gw_P
        return (
            plan.total(gz1_PF),
            plan.total(gz3_PF),
            plan.put(ga1_PR * scale, experts),
            plan.put(ga3_PR * scale, experts),
            gB1,
            gB3,
            gA2,
            gw_NK.view(weights_NK.shape),
            None,
            None,
            None,
        )
