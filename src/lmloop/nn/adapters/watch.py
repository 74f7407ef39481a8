"""What routers did: how much each expert was used, by whom, and how sure the router was.

Shape letters: N tokens, E experts, K chosen experts, S tasks.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class Tally:
    """Sums over the tokens that were seen; ``plain`` gives shares and means."""

    experts: int
    tokens: float = 0.0
    weight_E: Tensor | None = None
    entropy: float = 0.0
    by_task: dict[int, Tensor] = field(default_factory=dict)
    tokens_by_task: dict[int, float] = field(default_factory=dict)

    def add(self, weights_NE: Tensor, counted_N: Tensor | None, tasks_N: Tensor | None) -> None:
        """Count some tokens: the weights that experts had, padding left out."""
        weights_NE = weights_NE.detach().float()
        if counted_N is not None:
            weights_NE = weights_NE[counted_N]
            tasks_N = tasks_N[counted_N] if tasks_N is not None else None
        total_E = weights_NE.sum(0).cpu()
        self.weight_E = total_E if self.weight_E is None else self.weight_E + total_E
        self.tokens += len(weights_NE)
        self.entropy += float(torch.special.entr(weights_NE).sum())
        if tasks_N is not None:
            for task in sorted(set(tasks_N.tolist())):
                part = weights_NE[tasks_N == task]
                self.by_task[task] = self.by_task.get(task, torch.zeros(self.experts)) + part.sum(0).cpu()
                self.tokens_by_task[task] = self.tokens_by_task.get(task, 0.0) + len(part)

    def plain(self) -> dict[str, Any]:
        """Give what was seen as JSON.

        ``load`` is each expert's share of all weight; ``token_entropy`` the mean entropy of a token's weights and
        ``load_entropy`` that of the load, both as a share of the largest possible (1 is even); ``tasks`` the load of
        each task's tokens.
        """
        assert self.weight_E is not None
        load_E = self.weight_E / max(self.tokens, 1.0)
        most = math.log(self.experts) if self.experts > 1 else 1.0
        return {
            "tokens": int(self.tokens),
            "load": [round(value, 6) for value in load_E.tolist()],
            "load_entropy": round(float(torch.special.entr(load_E).sum()) / most, 6),
            "token_entropy": round(self.entropy / max(self.tokens, 1.0) / most, 6),
            "tasks": {
                task: [round(value, 6) for value in (total_E / self.tokens_by_task[task]).tolist()]
                for task, total_E in sorted(self.by_task.items())
            },
        }
