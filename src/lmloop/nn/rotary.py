"""Rotary positions (Su et al. 2021, section 3.4): a query and a key meet at an angle that tells how far apart they are.

Where the paper turns neighbouring pairs of numbers, Llama's and Qwen's released code turns the first half of a head
against the second; so do we, because their weights are made for it. Both are the same up to the order of rows.

Shape letters: B rows, T places, N heads, H width of a head.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lmloop.nn.shape import Shape, Stretch


def frequencies(shape: Shape) -> Tensor:
    """Give the H / 2 angles by which one place differs from the next, in radians."""
    exponents = torch.arange(0, shape.head_width, 2, dtype=torch.float32) / shape.head_width
    plain = 1.0 / shape.rope_base**exponents
    return plain if shape.stretch is None else _stretched(plain, shape.stretch)


def angles(frequencies_F: Tensor, positions_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Give cosine and sine for each place, of shape (B, T, 1, H)."""
    half_BT1F = positions_BT[:, :, None, None].float() * frequencies_F
    whole_BT1H = torch.cat((half_BT1F, half_BT1F), dim=-1)
    return whole_BT1H.cos(), whole_BT1H.sin()


def turn(x_BTNH: Tensor, cosine_BT1H: Tensor, sine_BT1H: Tensor) -> Tensor:
    """Turn queries or keys by the angles of their places."""
    if torch.compiler.is_compiling() or not (torch.is_grad_enabled() and x_BTNH.requires_grad):
        return _turn(x_BTNH, cosine_BT1H, sine_BT1H)
    turned: Tensor = Turned.apply(x_BTNH, cosine_BT1H, sine_BT1H)  # type: ignore[no-untyped-call]
    return turned


class Turned(torch.autograd.Function):
    """A turn whose gradient is turned back, so that nothing but the angles need be kept."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> Tensor:  # noqa: D102
        ctx.save_for_backward(*given[1:])
        return _turn(*given)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, pull: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102
        cosine, sine = ctx.saved_tensors
        return _turn(pull, cosine, -sine), None, None


def _turn(x_BTNH: Tensor, cosine_BT1H: Tensor, sine_BT1H: Tensor) -> Tensor:
    half = x_BTNH.shape[-1] // 2
    first, second = x_BTNH.chunk(2, dim=-1)
    turned = x_BTNH * cosine_BT1H
    turned[..., :half].addcmul_(second, sine_BT1H[..., :half], value=-1)
    turned[..., half:].addcmul_(first, sine_BT1H[..., half:])
    return turned


def _stretched(plain_F: Tensor, stretch: Stretch) -> Tensor:
    """Slow the slow frequencies down, and keep the fast ones, as Llama 3.1's code does (the paper does not say how)."""
    if stretch.kind == "linear":
        return plain_F / stretch.factor
    length_F = 2 * math.pi / plain_F
    longest, shortest = stretch.original_context / stretch.low, stretch.original_context / stretch.high
    share_F = (stretch.original_context / length_F - stretch.low) / (stretch.high - stretch.low)
    between_F = (1 - share_F) * plain_F / stretch.factor + share_F * plain_F
    slowed_F = torch.where(length_F > longest, plain_F / stretch.factor, plain_F)
    return torch.where((length_F <= longest) & (length_F >= shortest), between_F, slowed_F)
