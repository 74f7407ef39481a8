"""Rotary positions (Su et al. 2021, section 3.4): a query and a key meet at an angle that tells how far apart they are.

Where the paper turns neighbouring pairs of numbers, Llama's and Qwen's released code turns the first half of a head
against the second; so do we, because their weights are made for it. Both are the same up to the order of rows.

Shape letters: B rows, T places, N heads, H width of a head.
"""

import math

import torch
from torch import Tensor

from lmloop.nn.shape import Shape, Stretch


def frequencies(shape: Shape) -> Tensor:
    """Give the H / 2 angles by which one place differs from the next, in radians."""
    exponents = torch.arange(0, shape.head_width, 2, dtype=torch.float32) / shape.head_width
    plain = 1.0 / shape.rope_base**exponents
    return plain if shape.stretch is None else _stretched(plain, shape.stretch)


def angles(frequencies_F: Tensor, positions_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Give cosine and sine for each place, of shape (B, 1, T, H)."""
    half_B1TF = positions_BT[:, None, :, None].float() * frequencies_F
    whole_B1TH = torch.cat((half_B1TF, half_B1TF), dim=-1)
    return whole_B1TH.cos(), whole_B1TH.sin()


def turn(x_BNTH: Tensor, cosine_B1TH: Tensor, sine_B1TH: Tensor) -> Tensor:
    """Turn queries or keys by the angles of their places."""
    first, second = x_BNTH.chunk(2, dim=-1)
    return x_BNTH * cosine_B1TH + torch.cat((-second, first), dim=-1) * sine_B1TH


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
