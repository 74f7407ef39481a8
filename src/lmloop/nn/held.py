"""Held-out loss, and bits per byte, which compare across tokenizers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from lmloop.core.rows import HeldOut
from lmloop.nn.objective import Objective, on_device
from lmloop.nn.parallel import Ranks
from lmloop.nn.speed import cast


@dataclass(frozen=True, slots=True)
class Score:
    """The mean loss of a source's held-out tokens in nats, and the bits that a byte of its text costs.

    The bits are those of all tokens that are predicted, the one that ends a document among them.
    """

    loss: float
    bits_per_byte: float
    tokens: int


@torch.no_grad()
def measure(
    objective: Objective, wrapped: nn.Module, held: HeldOut, precision: str, ranks: Ranks
) -> Mapping[str, Score]:
    """Measure every source; the ranks share the work, and each makes the same number of passes."""
    objective.eval()
    run = wrapped if ranks.world > 1 else objective
    found = {}
    for source, rows in held.items():
        total, count = torch.zeros((), dtype=torch.float64), 0
        parts = list(rows)
        for turn in range(0, len(parts), ranks.world):
            mine = turn + ranks.rank
            part = parts[mine % len(parts)]
            with cast(precision, ranks.device):
                cross = run(*on_device(part, ranks.device))[1]
            if mine < len(parts):
                total += cross.double().cpu()
                count += part.valid
        nats, tokens = ranks.sums(total, count)
        found[source] = Score(nats / max(tokens, 1), nats / math.log(2) / max(rows.bytes, 1), int(tokens))
    objective.train()
    return found
