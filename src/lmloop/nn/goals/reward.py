"""A reward model: one number for a whole reply, by Bradley and Terry (Ouyang et al. 2022, equation 1).

Shape letters: B rows, T places, D width, P pairs.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lmloop.core.rows import NOBODY
from lmloop.nn.goals.base import sides
from lmloop.nn.goals.settings import Reward
from lmloop.nn.policy import Policy, Told


def bradley_terry(better_P: Tensor, worse_P: Tensor, centre: float) -> Tensor:
    """Give the loss of pairs: ``-log sigmoid(better - worse)``, and a pull of their sum to 0.

    Only differences tell anything; the pull fixes the level (Eisenstein et al. 2023, section 3).
    """
    return -F.logsigmoid(better_P - worse_P) + centre * (better_P + worse_P).square()


def rewards(policy: Policy, told: Told) -> Tensor:
    """Give each row's reward, (B): a linear function of the vector at its last place."""
    x_BTD = policy.hidden(told)
    last_B = (told.documents_BT != NOBODY).sum(1) - 1
    return policy.decoder.score(x_BTD[torch.arange(len(last_B), device=last_B.device), last_B]).float().squeeze(1)  # type: ignore[no-any-return]


class RewardAim:
    """The loss of pairs; shown beside it are the share in the right order, and the rewards' difference."""

    shows = ("loss", "accuracy", "margin")

    def __init__(self, settings: Reward) -> None:
        self.settings = settings

    def __call__(self, policy: Policy, told: Told) -> tuple[Tensor, Tensor]:
        """Give the sum over all pairs."""
        better_P, worse_P = sides(rewards(policy, told))
        loss = bradley_terry(better_P, worse_P, self.settings.centre).sum()
        margin_P = (better_P - worse_P).detach()
        return loss, torch.stack([loss.detach(), (margin_P > 0).sum().float(), margin_P.sum()])
