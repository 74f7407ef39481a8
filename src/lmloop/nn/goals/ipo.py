"""Identity preference optimisation (Azar et al. 2023, equation 17).

The paper sums log-probabilities over a reply; its authors have since said that they are to be averaged, and so the
implementations do, and we: ``tau`` then means the same for replies of any length.

Shape letters: B rows, P pairs.
"""

import torch
from torch import Tensor

from lmloop.nn.goals.base import means, sides
from lmloop.nn.goals.settings import Ipo
from lmloop.nn.policy import Policy, Told


def ipo(margin_P: Tensor, tau: float) -> Tensor:
    """Give the loss of pairs: ``(margin - 1 / (2 tau))^2``."""
    return (margin_P - 1 / (2 * tau)).square()


class IpoAim:
    """The loss of pairs; shown beside it are the share in the right order, and the difference that is squared."""

    shows = ("loss", "accuracy", "margin")

    def __init__(self, settings: Ipo) -> None:
        self.settings = settings

    def __call__(self, policy: Policy, told: Told) -> tuple[Tensor, Tensor]:
        """Give the sum over all pairs."""
        better_P, worse_P = sides(means(policy.logprobs(told) - policy.referred(told), told))
        margin_P = better_P - worse_P
        loss = ipo(margin_P, self.settings.tau).sum()
        return loss, torch.stack([loss.detach(), (margin_P > 0).sum().float(), margin_P.detach().sum()])
