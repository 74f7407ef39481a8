"""Supervised tuning: the cross-entropy of what was replied, every token of it alike."""

import torch
from torch import Tensor

from lmloop.nn.goals.settings import Sft
from lmloop.nn.policy import Policy, Told


class SftAim:
    """The negative log-likelihood of the targets that count."""

    shows = ("loss",)

    def __init__(self, settings: Sft) -> None:
        self.settings = settings

    def __call__(self, policy: Policy, told: Told) -> tuple[Tensor, Tensor]:
        """Give the sum of the losses of all targets."""
        loss = -policy.logprobs(told).sum()
        return loss, torch.stack([loss.detach()])
