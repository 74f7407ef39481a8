"""RMSNorm (Zhang and Sennrich 2019, section 3): a vector is divided by its root mean square and scaled.

Shape letters: D width of the vector; N vectors; ... any places before it.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class Norm(nn.Module):
    """RMSNorm with a learned scale. It is computed in the type of its input, the square in float32."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x_D: Tensor) -> Tensor:
        """Normalise the last dimension."""
        plain = x_D.device.type != "cpu" or x_D.dtype != torch.float32 or torch.compiler.is_compiling()
        if plain or not (torch.is_grad_enabled() and x_D.requires_grad):
            return F.rms_norm(x_D, self.weight.shape, self.weight.to(x_D.dtype), self.epsilon)
        normed: Tensor = Normed.apply(x_D, self.weight, self.epsilon)  # type: ignore[no-untyped-call]
        return normed


class Normed(torch.autograd.Function):
    """RMSNorm with a gradient of its own: on a CPU, PyTorch has none but that of each of its operations."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:  # noqa: D102
        x, weight_D, epsilon = given
        x_ND = x.reshape(-1, x.shape[-1])
        length_N1 = torch.linalg.vector_norm(x_ND, dim=-1, keepdim=True)
        factor_N1 = length_N1.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x_ND, weight_D, factor_N1)
        normed: Tensor = (x_ND * factor_N1).mul_(weight_D).view(x.shape)
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, pull: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102
        x_ND, weight_D, factor_N1 = ctx.saved_tensors
        pull_ND = pull.reshape(x_ND.shape)
        work_ND = pull_ND * x_ND
        weight_pull_D = factor_N1[:, 0] @ work_ND if ctx.needs_input_grad[1] else None
        along_N1 = (work_ND @ weight_D)[:, None] * factor_N1**3 / -x_ND.shape[1]
        torch.mul(pull_ND, weight_D, out=work_ND).mul_(factor_N1).addcmul_(x_ND, along_N1)
        return work_ND.view(pull.shape), weight_pull_D, None
