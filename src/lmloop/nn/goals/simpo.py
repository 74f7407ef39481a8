"""Simple preference optimisation (Meng et al. 2024, equation 6): mean log-probabilities, and no model to refer to.

Shape letters: B rows, P pairs.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lmloop.nn.goals.base import means, sides
from lmloop.nn.goals.settings import Simpo
from lmloop.nn.policy import Policy, Told


def simpo(better_P: Tensor, worse_P: Tensor, beta: float, margin: float) -> Tensor:
    """Give the loss of pairs from mean log-probabilities: ``-log sigmoid(beta * difference - margin)``."""
    return -F.logsigmoid(beta * (better_P - worse_P) - margin)


class SimpoAim:
    """The loss of pairs; shown beside it are the share in the right order, and the rewards' difference."""

    shows = ("loss", "accuracy", "margin")

    def __init__(self, settings: Simpo) -> None:
        self.settings = settings

    def __call__(self, policy: Policy, told: Told) -> tuple[Tensor, Tensor]:
        """Give the sum over all pairs."""
        better_P, worse_P = sides(means(policy.logprobs(told), told))
        loss = simpo(better_P, worse_P, self.settings.beta, self.settings.margin).sum()
        rewards = self.settings.beta * (better_P - worse_P).detach()
        return loss, torch.stack([loss.detach(), (rewards > 0).sum().float(), rewards.sum()])
