"""Dropout for adapters: a draw of 16 bits a value, and a mask of one byte.

PyTorch's own draws a float for each value and multiplies by a mask of another type, forward and backward: on a CPU
that is half the cost of the product that it comes before.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

STEPS = 1 << 16


class Dropped(torch.autograd.Function):
    """``(x where it is kept, else 0) A^T``, for x (N, I) and A (Q, I); x is not kept a second time."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, *given: Tensor) -> Tensor:  # noqa: D102
        x_NI, kept_NI, A_QI = given
        ctx.save_for_backward(x_NI, kept_NI, A_QI)
        return torch.where(kept_NI, x_NI, 0.0) @ A_QI.T

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102
        x_NI, kept_NI, A_QI = ctx.saved_tensors  # type: ignore[attr-defined]
        wants = ctx.needs_input_grad  # type: ignore[attr-defined]
        g_x = torch.where(kept_NI, grads[0] @ A_QI, 0.0) if wants[0] else None
        return g_x, None, grads[0].T @ torch.where(kept_NI, x_NI, 0.0) if wants[2] else None


def draw(like: Tensor, share: float) -> Tensor:
    """Draw which values are kept where a ``share`` of them is dropped, in steps of 1 / 65,536."""
    count = like.numel()
    bits = torch.empty((count + 3) // 4, dtype=torch.int64, device=like.device).random_(-(1 << 63), None)
    return (bits.view(torch.int16)[:count] >= round(share * STEPS) - STEPS // 2).view(like.shape)


def factor(share: float) -> float:
    """Give what the kept values are multiplied by, so that their mean stays."""
    return STEPS / (STEPS - round(share * STEPS))


def drop(x: Tensor, share: float, training: bool) -> Tensor:
    """Drop a share of the values in training."""
    return torch.where(draw(x, share), x, 0.0) * factor(share) if training and share else x


def ranks(x_NI: Tensor, kept_NI: Tensor | None, A_QI: Tensor) -> Tensor:
    """Give the rank space ``x A^T`` of what is kept of x; :func:`factor` is left to whoever weighs it."""
    if kept_NI is None:
        return F.linear(x_NI, A_QI)
    out: Tensor = Dropped.apply(x_NI, kept_NI, A_QI)  # type: ignore[no-untyped-call]
    return out
