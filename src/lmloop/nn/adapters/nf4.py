"""NF4: frozen matrices in four bits a weight (Dettmers et al. 2023, QLoRA, section 3), on any device.

Weights are cut into blocks; each is divided by its largest magnitude and rounded to the nearest of sixteen levels that
are quantiles of a normal distribution. The blocks' factors are kept in 8 bits themselves ("double quantisation"), in
blocks of 256 around their mean. A matrix is unfolded for each product and again in the backward pass, so that the
memory of a step holds one of them at a time.

Shape letters: O outputs, I inputs, N tokens, C blocks.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lmloop.core.method import Quantised

LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
"""The paper's appendix E: quantiles of a normal distribution, with an exact zero."""

FACTOR_BLOCK = 256


class Linear4(nn.Module):
    """A linear whose frozen matrix is kept in NF4; its bias stays as it is."""

    codes: Tensor
    factors: Tensor
    factor_scales: Tensor
    factor_mean: Tensor

    def __init__(self, plain: nn.Linear, how: Quantised) -> None:
        super().__init__()
        self.in_features, self.out_features = plain.in_features, plain.out_features
        self.how, self.kept_type = how, plain.weight.dtype
        codes, factors_C = quantise(plain.weight.detach(), how.block)
        self.register_buffer("codes", codes)
        if how.double:
            factors_C, scales, mean = _eight_bits(factors_C)
            self.register_buffer("factor_scales", scales)
            self.register_buffer("factor_mean", mean)
        self.register_buffer("factors", factors_C)
        self.bias = None if plain.bias is None else nn.Parameter(plain.bias.detach(), requires_grad=False)

    def unfolded(self) -> Tensor:
        """Give the matrix (O, I) in the type it was kept from."""
        factors_C = self.factors
        if self.how.double:
            scales = self.factor_scales.repeat_interleave(FACTOR_BLOCK)[: len(factors_C)]
            factors_C = factors_C.float() / 127 * scales + self.factor_mean
        levels = torch.tensor(LEVELS, device=self.codes.device)
        pairs = torch.stack((self.codes >> 4, self.codes & 15), dim=1).flatten()
        size = self.in_features * self.out_features
        values = levels[pairs.long()]
        blocks = F.pad(values, (0, len(factors_C) * self.how.block - len(values))).view(-1, self.how.block)
        weight = (blocks * factors_C[:, None]).flatten()[:size]
        return weight.view(self.out_features, self.in_features).to(self.kept_type)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by the unfolded matrix, and add the bias."""
        kind = x.device.type
        if torch.is_autocast_enabled(kind):
            x = x.to(torch.get_autocast_dtype(kind))
        out: Tensor = _Unfolded.apply(x, self)  # type: ignore[no-untyped-call]
        return out if self.bias is None else out + self.bias.to(out.dtype)

    def extra_repr(self) -> str:
        """Say the size."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class _Unfolded(torch.autograd.Function):
    """x W^T for a frozen W that is unfolded again in the backward pass and never saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Linear4) -> Tensor:
        ctx.matrix = matrix
        return F.linear(x, matrix.unfolded().to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] @ ctx.matrix.unfolded().to(grads[0].dtype), None


def quantise(weight: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Give two codes a byte, and the factor of each block (C)."""
    flat = weight.float().flatten()
    blocks = F.pad(flat, (0, -len(flat) % block)).view(-1, block)
    factors_C = blocks.abs().amax(1)
    scaled = blocks / factors_C.clamp_min(1e-30)[:, None]
    levels = torch.tensor(LEVELS, device=weight.device)
    codes = torch.bucketize(scaled, (levels[1:] + levels[:-1]) / 2).to(torch.uint8).flatten()
    codes = F.pad(codes, (0, len(codes) % 2)).view(-1, 2)
    return (codes[:, 0] << 4) | codes[:, 1], factors_C


def quantise_linears(model: nn.Module, names: list[str], how: Quantised) -> None:
    """Keep the named linears of a model in NF4; their own weights are let go."""
    for name in names:
        parent = model.get_submodule(name.rpartition(".")[0])
        plain = model.get_submodule(name)
        if type(plain) is nn.Linear:
            setattr(parent, name.rpartition(".")[2], Linear4(plain, how))


def _eight_bits(factors_C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Keep factors as 8-bit differences from their mean, in blocks with a factor of their own."""
    mean = factors_C.mean()
    rest = F.pad(factors_C - mean, (0, -len(factors_C) % FACTOR_BLOCK)).view(-1, FACTOR_BLOCK)
    scales = rest.abs().amax(1)
    codes = (rest / scales.clamp_min(1e-30)[:, None] * 127).round().to(torch.int8)
    return codes.flatten()[: len(factors_C)], scales, mean
