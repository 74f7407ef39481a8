"""Group relative policy optimisation (Shao et al. 2024, section 4.1.1): replies to one question are compared.

Each batch is used for one step, so the ratio of the new to the old probability is 1 and nothing is clipped; its
gradient is that of the log-probability. The pull to the model as it was is the paper's unbiased estimate (equation 4).
The paper divides an advantage by the deviation of its group and a reply's sum by its length; both favour some questions
and lengths (Liu et al. 2025, "Understanding R1-Zero-like training", section 3), so both can be turned off.

Shape letters: B rows (replies), T places.
"""

import torch
from torch import Tensor

from lmloop.core.rows import IGNORED
from lmloop.nn.goals.settings import Grpo
from lmloop.nn.policy import Policy, Told


def advantages(rewards_QR: Tensor, scaled: bool) -> Tensor:
    """Give how much better each of R replies to Q questions is than those beside it."""
    away_QR = rewards_QR - rewards_QR.mean(1, keepdim=True)
    return away_QR / (rewards_QR.std(1, keepdim=True) + 1e-4) if scaled else away_QR


def grpo(logprobs_BT: Tensor, referred_BT: Tensor, advantages_B: Tensor, beta: float) -> Tensor:
    """Give the loss of each token, (B, T): minus advantage times ratio, plus the pull to the model as it was."""
    ratio_BT = torch.exp(logprobs_BT - logprobs_BT.detach())
    away_BT = referred_BT - logprobs_BT
    pull_BT = torch.exp(away_BT) - away_BT - 1
    return -advantages_B[:, None] * ratio_BT + beta * pull_BT


class GrpoAim:
    """The loss of replies; shown beside it are the mean reward, and the distance to the model as it was."""

    shows = ("loss", "reward", "moved")

    def __init__(self, settings: Grpo) -> None:
        self.settings = settings

    def __call__(self, policy: Policy, told: Told) -> tuple[Tensor, Tensor]:
        """Give the sum over all replies."""
        there_BT = told.targets_BT != IGNORED
        logprobs_BT, referred_BT = policy.logprobs(told), policy.referred(told)
        losses_BT = grpo(logprobs_BT, referred_BT, told.beside["advantages"], self.settings.beta) * there_BT
        length_B = told.counted_B.clamp_min(1) if self.settings.average == "reply" else self.settings.tokens
        loss = (losses_BT.sum(1) / length_B).sum()
        moved = ((logprobs_BT.detach() - referred_BT).sum(1) / told.counted_B.clamp_min(1)).sum()
        return loss, torch.stack([loss.detach(), told.beside["rewards"].sum().float(), moved])
