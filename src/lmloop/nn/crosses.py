"""The output matrix and the cross-entropy in one: logits are made, used and forgotten a few places at a time.

The gradient is worked out in the forward pass, while the logits of a chunk are still near the processor, and only what
pulls at places and weights is kept: no logits, which would be most of a small model's memory and, written and read many
times, a tenth of its time. Hsu et al. 2024 (Liger Kernel, section 3.2) do so on GPUs; the order of work is theirs.

Shape letters: N places, C places of a chunk, D width, V vocabulary.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lmloop.core.rows import IGNORED
from lmloop.nn.compiling import compiled

CHUNKS = {"cpu": 1 << 21, "cuda": 1 << 27}
"""So many logits at once: on a CPU few enough for its cache, on a GPU enough to fill it."""


class Crosses(torch.autograd.Function):
    """Sums over the targets that count: the cross-entropy with a pull on the logits' size, and the first alone.

    Takes what stands behind the layers (N, D), the output matrix (V, D), targets (N) and the weight of the pull, which
    is the square of the logarithm of the softmax's normaliser (Chowdhery et al. 2022, PaLM, section 5).
    """

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:  # noqa: D102
        x_ND, weight_VD, targets_N, z_loss = given
        device = x_ND.device.type
        kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x_ND.dtype
        with torch.autocast(device, enabled=False):
            work = _Work(x_ND.to(kind), weight_VD.to(kind), targets_N, z_loss, ctx.needs_input_grad)
            size = max(1, CHUNKS.get(device, CHUNKS["cuda"]) // len(weight_VD))
            for start in range(0, len(targets_N), size):
                work.chunk(slice(start, start + size))
        pulls = [None if pull is None else pull.to(of.dtype) for pull, of in zip(work.pulls, given, strict=False)]
        ctx.save_for_backward(*pulls)
        ctx.mark_non_differentiable(work.crosses)
        return work.total, work.crosses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, factor: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102
        x_ND, weight_VD = (None if pull is None else pull * factor.to(pull.dtype) for pull in ctx.saved_tensors)
        return x_ND, weight_VD, None, None


class _Work:
    """A pass over all chunks: what is summed, and what pulls at places and weights."""

    def __init__(self, x_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, z_loss: float, wanted: Any) -> None:
        self.x_ND, self.weight_VD, self.targets_N, self.z_loss = x_ND, weight_VD, targets_N, z_loss
        self.total, self.crosses = x_ND.new_zeros((), dtype=torch.float32), x_ND.new_zeros((), dtype=torch.float32)
        self.pulls = (
            torch.empty_like(x_ND) if wanted[0] else None,
            torch.zeros_like(weight_VD, dtype=torch.float32) if wanted[1] else None,
        )

    def chunk(self, part: slice) -> None:
        """Do some places."""
        x_CD, targets_C = self.x_ND[part], self.targets_N[part]
        counts_C = targets_C != IGNORED
        see = _fused() if x_CD.device.type == "cuda" else in_place
        share_CV, crosses, squares = see(x_CD @ self.weight_VD.T, targets_C, counts_C, self.z_loss)
        self.crosses += crosses
        self.total += crosses + self.z_loss * squares
        if self.pulls[0] is not None:
            torch.mul(share_CV @ self.weight_VD, counts_C[:, None], out=self.pulls[0][part])
        pull_VD = self.pulls[1]
        if pull_VD is None:
            return
        x_CD = x_CD * counts_C[:, None]
        if share_CV.dtype == torch.float32:
            pull_VD.addmm_(share_CV.T, x_CD)
        else:  # sums over many chunks stay in float32
            pull_VD += share_CV.T @ x_CD


def in_place(logits_CV: Tensor, targets_C: Tensor, counts_C: Tensor, z_loss: float) -> tuple[Tensor, Tensor, Tensor]:
    """Give what pulls at the logits, in their type, and two sums: the cross-entropy, and the squared normalisers."""
    wide_CV = logits_CV.float()
    share_CV = wide_CV.softmax(-1)
    # the largest share is never nothing, so its logarithm is good, and gives that of the normaliser
    norms_C = wide_CV.amax(-1) - share_CV.amax(-1).log()
    safe_C1 = targets_C.where(counts_C, 0)[:, None]
    crosses = ((norms_C - wide_CV.gather(1, safe_C1)[:, 0]) * counts_C).sum()
    squares = (norms_C.square() * counts_C).sum() if z_loss else torch.zeros_like(crosses)
    if z_loss:
        share_CV *= (1 + 2 * z_loss * norms_C)[:, None]
    share_CV.scatter_add_(1, safe_C1, share_CV.new_full((), -1.0).expand_as(safe_C1))
    return share_CV.to(logits_CV.dtype), crosses, squares


def in_one(logits_CV: Tensor, targets_C: Tensor, counts_C: Tensor, z_loss: float) -> tuple[Tensor, Tensor, Tensor]:
    """Do the same without a step that needs the one before: once compiled, it reads twice and writes once."""
    wide_CV = logits_CV.float()
    norms_C = wide_CV.logsumexp(-1)
    safe_C = targets_C.where(counts_C, 0)
    crosses = ((norms_C - wide_CV.gather(1, safe_C[:, None])[:, 0]) * counts_C).sum()
    squares = (norms_C.square() * counts_C).sum()
    share_CV = (wide_CV - norms_C[:, None]).exp() * (1 + 2 * z_loss * norms_C)[:, None]
    there_CV = torch.arange(logits_CV.shape[1], device=logits_CV.device) == safe_C[:, None]
    return (share_CV - there_CV.float()).to(logits_CV.dtype), crosses, squares


@cache
def _fused() -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    return compiled(in_one)
