"""Held-out loss, and bits per byte, which compare across tokenizers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from lmloop.core.rows import HeldOut
from lmloop.nn.learner import Learner
from lmloop.nn.parallel import Ranks
from lmloop.nn.speed import cast


@dataclass(frozen=True, slots=True)
class Score:
    """The mean loss of a source's held-out tokens in nats, and the bits that a byte of its text costs.

    The bits are those of all tokens that are predicted, the one that ends a document among them. ``more`` holds the
    means of what else the learner shows.
    """

    loss: float
    bits_per_byte: float
    tokens: int
    more: Mapping[str, float] = field(default_factory=dict)


@torch.no_grad()
def measure(learner: Learner, wrapped: nn.Module, held: HeldOut, precision: str, ranks: Ranks) -> Mapping[str, Score]:
    """Measure every source; the ranks share the work, and each makes the same number of passes."""
    learner.eval()
    run = wrapped if ranks.world > 1 else learner
    found = {}
    for source, rows in held.items():
        total, count = torch.zeros(len(learner.shows), dtype=torch.float64), 0
        parts = list(rows)
        for turn in range(0, len(parts), ranks.world):
            mine = turn + ranks.rank
            part = parts[mine % len(parts)]
            with cast(precision, ranks.device):
                shown = run(*learner.arguments(part, ranks.device))[1]
            if mine < len(parts):
                total += shown.double().cpu()
                count += part.valid
        nats, *others, units = ranks.sums(*total, count)
        more = {name: value / max(units, 1) for name, value in zip(learner.shows[1:], others, strict=True)}
        found[source] = Score(nats / max(units, 1), nats / math.log(2) / max(rows.bytes, 1), int(units), more)
    learner.train()
    return found
