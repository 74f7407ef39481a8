"""Muon (Jordan et al. 2024): momentum whose matrix is made orthogonal before it is used.

Shape letters: M matrices of one shape, R rows, C columns.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lmloop.nn.parallel import like, whole

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Jordan's quintic: it drives singular values towards one fast, and no nearer than about 0.7 to 1.2."""


class Muon(Optimizer):
    """Muon for the matrices inside a model; embeddings, the output matrix and vectors belong to AdamW.

    The update is scaled by ``0.2 * sqrt(max(rows, columns))`` (Liu et al. 2025, "Muon is scalable", section 2.2) and
    not by the original's ``sqrt(rows / columns)``: so its size is AdamW's, and learning rate and decay mean the same
    for both.
    """

    def __init__(self, weights: Iterable[Any], lr: float, momentum: float = 0.95, weight_decay: float = 0.1) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change the weights; matrices of one shape are made orthogonal together."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    shapes.setdefault(weight.shape, []).append(weight)
            for weights in shapes.values():
                self._update(weights, group)

    def _update(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        looks = []
        for weight in weights:
            momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
            momentum.lerp_(weight.grad, 1 - group["momentum"])
            looks.append(whole(weight.grad.lerp(momentum, group["momentum"])))  # type: ignore[union-attr]
        rows, columns = weights[0].shape
        turned_MRC = orthogonal(torch.stack(looks)) * (0.2 * max(rows, columns) ** 0.5)
        for weight, turned_RC in zip(weights, turned_MRC, strict=True):
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            weight.sub_(like(turned_RC, weight), alpha=group["lr"])


def orthogonal(x_MRC: Tensor, steps: int = 5) -> Tensor:
    """Bring all singular values near one, by a Newton-Schulz iteration; in bfloat16 on a GPU."""
    a, b, c = COEFFICIENTS
    tall = x_MRC.shape[1] > x_MRC.shape[2]
    y = x_MRC.mT if tall else x_MRC
    y = y.to(torch.bfloat16) if y.is_cuda else y
    y = y / (y.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = y @ y.mT
        y = a * y + (b * square + c * square @ square) @ y
    turned_MRC: Tensor = (y.mT if tall else y).to(x_MRC.dtype)
    return turned_MRC
