"""Direct preference optimisation (Rafailov et al. 2023, equation 7), with the smoothing of Mitchell 2023 ("cDPO").

Shape letters: B rows, P pairs.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lmloop.nn.goals.base import sides
from lmloop.nn.goals.settings import Dpo
from lmloop.nn.policy import Policy, Told


def dpo(margin_P: Tensor, beta: float, smoothing: float = 0.0) -> Tensor:
    """Give the loss of pairs: ``-log sigmoid(beta * margin)``.

    ``margin_P`` is how much more the better reply's log-probability rose than the worse one's.
    """
    right_P, wrong_P = F.logsigmoid(beta * margin_P), F.logsigmoid(-beta * margin_P)
    return -(1 - smoothing) * right_P - smoothing * wrong_P


class DpoAim:
    """The loss of pairs; shown beside it are the share of pairs in the right order, and the rewards' difference."""

    shows = ("loss", "accuracy", "margin")

    def __init__(self, settings: Dpo) -> None:
        self.settings = settings

    def __call__(self, policy: Policy, told: Told) -> tuple[Tensor, Tensor]:
        """Give the sum over all pairs."""
        risen_B = policy.logprobs(told).sum(1) - policy.referred(told).sum(1)
        better_P, worse_P = sides(risen_B)
        margin_P = better_P - worse_P
        loss = dpo(margin_P, self.settings.beta, self.settings.smoothing).sum()
        right = (margin_P > 0).sum()
        return loss, torch.stack([loss.detach(), right.float(), self.settings.beta * margin_P.detach().sum()])
