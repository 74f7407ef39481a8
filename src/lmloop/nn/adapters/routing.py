"""Routers: from a token, or from its task, to the weights of the experts.

Shape letters: N tokens, I width of what is read, E experts, K chosen experts, S tasks, D width of a task's row.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lmloop.core.errors import DataError
from lmloop.core.sites import Router
from lmloop.nn.adapters import balance
from lmloop.nn.adapters.frame import Frame, spread
from lmloop.nn.adapters.watch import Tally


@dataclass(frozen=True, slots=True)
class Weighed:
    """The weights of the experts: of all (N, E), or of the K chosen ones with their numbers (N, K)."""

    weights: Tensor
    chosen_NK: Tensor | None
    experts: int

    def dense(self) -> Tensor:
        """Give (N, E): 0 where an expert was not chosen."""
        if self.chosen_NK is None:
            return self.weights
        zeros = self.weights.new_zeros(len(self.weights), self.experts)
        return zeros.scatter(1, self.chosen_NK, self.weights)


class TokenRouter(nn.Module):
    """softmax(W x) in float32; the best K with their sum made one again, or all."""

    def __init__(self, setting: Router, width: int, experts: int) -> None:
        super().__init__()
        self.setting, self.experts = setting, experts
        self.weight = nn.Parameter(torch.empty(experts, width))

    def begin(self, chance: torch.Generator) -> None:
        """Draw the first weights."""
        draw(self.weight, self.setting.deviation, chance)

    def forward(self, x_NI: Tensor, frame: Frame, place: tuple[str, str], copies: int = 1) -> Weighed:
        """Weigh the experts for each token; in training, leave the loss in the frame.

        ``copies`` is how many of N stand for one place of the text: heads that are routed by themselves.
        """
        setting = self.setting
        if self.training and setting.jitter:
            x_NI = x_NI * torch.empty_like(x_NI).uniform_(1 - setting.jitter, 1 + setting.jitter)
        with torch.autocast(x_NI.device.type, enabled=False):
            kind = torch.promote_types(x_NI.dtype, torch.float32)
            logits_NE = F.linear(x_NI.to(kind), self.weight.to(kind))
            probabilities_NE = F.softmax(logits_NE, -1)
            weighed = self._choose(probabilities_NE)
            if self.training and (setting.strength or setting.z_strength):
                self._charge(logits_NE, probabilities_NE, weighed, frame, place)
        watch(weighed, frame, place, copies)
        return weighed

    def _choose(self, probabilities_NE: Tensor) -> Weighed:
        if self.setting.top_k is None:
            return Weighed(probabilities_NE, None, self.experts)
        best_NK, chosen_NK = probabilities_NE.topk(min(self.setting.top_k, self.experts), -1)
        return Weighed(best_NK / best_NK.sum(-1, keepdim=True), chosen_NK, self.experts)

    def _charge(
        self, logits_NE: Tensor, probabilities_NE: Tensor, weighed: Weighed, frame: Frame, place: tuple[str, str]
    ) -> None:
        setting, counted_N = self.setting, frame.counted(len(logits_NE))
        loss = logits_NE.new_zeros(())
        if setting.balance == "switch" and weighed.chosen_NK is not None:
            loss = loss + setting.strength * balance.switch(probabilities_NE, weighed.chosen_NK, counted_N)
        elif setting.balance == "localized":
            samples, task_N = frame.samples(len(logits_NE)), frame.token_tasks(len(logits_NE))
            if samples is None or task_N is None:
                raise DataError(
                    "the localized balancing loss needs to know the kind of each sample", hint="give the rows' tasks"
                )
            first_N = torch.isin(task_N, task_N.new_tensor(setting.first_half))
            loss = loss + setting.strength * balance.localized(
                weighed.weights, samples, first_N, counted_N, setting.tilt
            )
        if setting.z_strength:
            loss = loss + setting.z_strength * balance.z(logits_NE, counted_N)
        frame.losses[place] = loss


class TaskRouter(nn.Module):
    """softmax(W table[task]), one for a whole model."""

    def __init__(self, setting: Router, experts: int) -> None:
        super().__init__()
        self.setting, self.experts = setting, experts
        self.table = nn.Parameter(torch.empty(setting.tasks, setting.width))
        self.weight = nn.Parameter(torch.empty(experts, setting.width))

    def begin(self, chance: torch.Generator) -> None:
        """Draw the first weights: the table normal with deviation 1, as PyTorch's ``Embedding``."""
        nn.init.normal_(self.table, generator=chance)
        draw(self.weight, None, chance)

    def forward(self, x_NI: Tensor, frame: Frame, place: tuple[str, str]) -> Weighed:
        """Weigh the experts for each token by its task."""
        tasks = frame.inputs.of_rows(frame.inputs.tasks)
        if tasks is None:
            raise DataError("this adapter weighs its experts by task", hint="give the rows' tasks")
        tasks = tasks.to(self.table.device)
        weighed = Weighed(spread_weights(self.of(tasks), len(x_NI)), None, self.experts)
        watch(weighed, frame, place)
        return weighed

    def of(self, tasks: Tensor) -> Tensor:
        """Give the weights (..., E) of task ids, or of rows with a weight for each task: those have the mean row.

        Raises:
            DataError: there is no such task.
        """
        if tasks.is_floating_point():
            row = tasks @ self.table / tasks.sum(-1, keepdim=True)
        else:
            if tasks.numel() and not 0 <= int(tasks.min()) <= int(tasks.max()) < len(self.table):
                raise DataError(
                    f"the adapter knows the tasks 0 to {len(self.table) - 1}, but was given {int(tasks.max())}",
                    hint="raise the method's setting 'tasks'",
                )
            row = self.table[tasks]
        return F.softmax(F.linear(row, self.weight), -1)


def spread_weights(weights: Tensor, tokens: int) -> Tensor:
    """Give (N, E) from weights of rows (B, E) or of places (B, T, E)."""
    if weights.dim() == 3:
        return weights[:, -(tokens // weights.shape[0]) :].flatten(0, 1)
    return spread(weights, tokens)


def watch(weighed: Weighed, frame: Frame, place: tuple[str, str], copies: int = 1) -> None:
    """Count what a router did, if somebody watches."""
    if frame.tallies is not None:
        tally = frame.tallies.setdefault(place, Tally(weighed.experts))
        tokens = len(weighed.weights)
        tally.add(weighed.dense(), frame.counted(tokens, copies), frame.token_tasks(tokens, copies))


def draw(weight: Tensor, deviation: float | None, chance: torch.Generator) -> None:
    """Draw a matrix: normal with a deviation, or as PyTorch's ``Linear`` begins, which kaiming(sqrt 5) is."""
    if deviation is None:
        bound = weight.shape[-1] ** -0.5
        nn.init.uniform_(weight, -bound, bound, generator=chance)
    else:
        nn.init.normal_(weight, 0.0, deviation, generator=chance)
