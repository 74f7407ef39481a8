"""Kahneman-Tversky optimisation (Ethayarajh et al. 2024, equation 8): single replies, each good or bad.

Shape letters: B rows, R replies.
"""

import torch
from torch import Tensor

from lmloop.nn.goals.base import sides
from lmloop.nn.goals.settings import Kto
from lmloop.nn.policy import Policy, Told


def kto(risen_R: Tensor, good_R: Tensor, point: Tensor, settings: Kto) -> Tensor:
    """Give the loss of replies whose log-probabilities rose by so much, seen from a reference point.

    A good reply's is ``good * (1 - sigmoid(beta * (risen - point)))``, a bad one's that of the opposite.
    """
    sign_R = torch.where(good_R, 1.0, -1.0)
    weight_R = torch.where(good_R, settings.good, settings.bad)
    return weight_R * (1 - torch.sigmoid(settings.beta * sign_R * (risen_R - point)))


class KtoAim:
    """The loss of replies; shown beside it are the mean rewards of good ones minus bad ones, and the reference point.

    Behind each reply stands one to another question: how much those rose estimates how far the model has moved, which
    is the reference point (section 4.1), at least 0 and without a gradient. It is taken over the rows that are computed
    at once.
    """

    shows = ("loss", "margin", "moved")

    def __init__(self, settings: Kto) -> None:
        self.settings = settings

    def __call__(self, policy: Policy, told: Told) -> tuple[Tensor, Tensor]:
        """Give the sum over all replies."""
        risen_B = policy.logprobs(told).sum(1) - policy.referred(told).sum(1)
        risen_R, others_R = sides(risen_B)
        good_R = told.beside["good"][0::2] > 0
        point = others_R.detach().mean().clamp_min(0)
        loss = kto(risen_R, good_R, point, self.settings).sum()
        signed = torch.where(good_R, risen_R, -risen_R).detach().sum() * self.settings.beta
        return loss, torch.stack([loss.detach(), signed, point * len(risen_R)])
