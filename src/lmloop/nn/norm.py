"""RMSNorm (Zhang and Sennrich 2019, section 3): a vector is divided by its root mean square and scaled.

Shape letters: D width of the vector; ... any places before it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Norm(nn.Module):
    """RMSNorm with a learned scale. It is computed in the type of its input, the square in float32."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x_D: Tensor) -> Tensor:
        """Normalise the last dimension."""
        return F.rms_norm(x_D, self.weight.shape, self.weight.to(x_D.dtype), self.epsilon)
