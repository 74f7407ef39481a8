"""Odds ratio preference optimisation (Hong et al. 2024, equations 3 to 7): no model to refer to.

Shape letters: B rows, P pairs.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lmloop.nn.goals.base import means, sides
from lmloop.nn.goals.settings import Orpo
from lmloop.nn.policy import Policy, Told


def odds(mean_P: Tensor) -> Tensor:
    """Give the log odds of a mean log-probability: ``log p - log(1 - p)``."""
    return mean_P - torch.log1p(-mean_P.exp().clamp_max(1 - 1e-6))


def orpo(better_P: Tensor, worse_P: Tensor, weight: float) -> Tensor:
    """Give the loss of pairs from mean log-probabilities: likelihood of the better reply, and the ratio of odds."""
    return -better_P - weight * F.logsigmoid(odds(better_P) - odds(worse_P))


class OrpoAim:
    """The loss of pairs; shown beside it are the share in the right order, and the logarithm of the odds' ratio."""

    shows = ("loss", "accuracy", "margin")

    def __init__(self, settings: Orpo) -> None:
        self.settings = settings

    def __call__(self, policy: Policy, told: Told) -> tuple[Tensor, Tensor]:
        """Give the sum over all pairs."""
        better_P, worse_P = sides(means(policy.logprobs(told), told))
        loss = orpo(better_P, worse_P, self.settings.weight).sum()
        ratio_P = (odds(better_P) - odds(worse_P)).detach()
        return loss, torch.stack([loss.detach(), (ratio_P > 0).sum().float(), ratio_P.sum()])
