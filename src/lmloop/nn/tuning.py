"""Tuning: a policy with a goal, as a trainer trains it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lmloop.core.rows import Rows
from lmloop.nn.adapters.adapted import is_of_adapter
from lmloop.nn.foreign import Foreign
from lmloop.nn.goals.base import Aim
from lmloop.nn.goals.dpo import DpoAim
from lmloop.nn.goals.grpo import GrpoAim
from lmloop.nn.goals.ipo import IpoAim
from lmloop.nn.goals.kto import KtoAim
from lmloop.nn.goals.orpo import OrpoAim
from lmloop.nn.goals.reward import RewardAim
from lmloop.nn.goals.settings import Goal
from lmloop.nn.goals.sft import SftAim
from lmloop.nn.goals.simpo import SimpoAim
from lmloop.nn.learner import Learner
from lmloop.nn.masking import Mask
from lmloop.nn.optimizer import adamw, optimizers
from lmloop.nn.policy import Policy, Told
from lmloop.nn.training import Update

AIMS: Mapping[str, Callable[[Any], Aim]] = {
    "sft": SftAim,
    "dpo": DpoAim,
    "ipo": IpoAim,
    "kto": KtoAim,
    "orpo": OrpoAim,
    "simpo": SimpoAim,
    "reward": RewardAim,
    "grpo": GrpoAim,
}


class Tuning(Learner):
    """A policy that learns what its goal says, and with it what its routers are to do."""

    def __init__(self, policy: Policy, goal: Goal) -> None:
        super().__init__()
        self.policy = policy
        self.aim = AIMS[goal.use](goal)
        self.routed = policy.adapted is not None and any(
            getattr(rider, "router", None) is not None for rider in policy.adapted.riders().values()
        )
        self.compiles = not self.routed  # how many tokens an expert has is another number in each step
        self.shows = (*self.aim.shows, *(("routing",) if self.routed else ()))

    @property
    def decoder(self) -> Any:
        """The model that is tuned."""
        return self.policy.decoder

    def arguments(self, rows: Rows, device: torch.device) -> tuple[Any, ...]:
        """Give the rows' tensors, one by one."""
        told = Told.of(rows, device, isinstance(self.decoder, Foreign))
        plain = (told.tokens_BT, told.targets_BT, told.positions_BT, told.documents_BT)
        return (*plain, told.mask.dense_B1TS, told.mask.block, dict(told.beside))

    def forward(self, *arguments: Any) -> tuple[Tensor, Tensor]:
        """Give the goal's sum, with the routing losses as often as there is something to learn; and what is shown."""
        tokens_BT, targets_BT, positions_BT, documents_BT, dense, block, beside = arguments
        told = Told(tokens_BT, targets_BT, positions_BT, documents_BT, Mask(dense, block), beside)
        self.policy.feed(told)
        loss, shown = self.aim(self.policy, told)
        if not self.routed:
            return loss, shown
        units = beside["units"].sum() if "units" in beside else told.counted_B.sum()
        routing = self.policy.routing_loss() * units
        return loss + routing, torch.cat([shown, routing.detach()[None]])

    @property
    def layers(self) -> Iterable[nn.Module]:
        """The parts that are gathered one at a time where weights are spread over ranks."""
        return self.decoder.layers if isinstance(self.decoder, Foreign) else super().layers

    def recompute(self, on: bool) -> None:
        """Keep less for the backward pass; what is computed again sees the same tasks and masks."""
        if self.policy.adapted is not None and on:
            self.policy.adapted.checkpointing()
        elif isinstance(self.decoder, Foreign):
            self.decoder.recompute(on)
        else:
            super().recompute(on)

    def trained(self) -> list[tuple[str, nn.Parameter]]:
        """List the weights that are trained: not those of other adapters on the same model."""
        adapted = self.policy.adapted
        if adapted is None:
            return super().trained()
        own = {id(weight) for weight in adapted.parameters()}
        return [(name, weight) for name, weight in super().trained() if id(weight) in own or not is_of_adapter(name)]

    def optimizers(self, update: Update) -> list[Optimizer]:
        """Give AdamW over the adapter's groups (and a new head, if there is one); else what a whole model has."""
        if self.policy.adapted is None:
            return optimizers(self.decoder, update)
        groups = self.policy.adapted.groups(update.learning_rate, update.weight_decay)
        others = [weight for name, weight in self.trained() if not is_of_adapter(name)]
        head = [{"params": others, "weight_decay": 0.0}] if others else []
        return [adamw([*groups, *head], update)]
