"""Small models, shaken adapters, and what each method computes, written from its equations and nothing else."""

import math

import torch

from lmloop.core.part import build
from lmloop.nn.adapters.attach import attach
from lmloop.nn.decoder import seeded
from lmloop.nn.shape import from_depth

WORDS = 90
TASKS = torch.tensor([0, 1, 1])
SMALL = {
    "mixlora": {"experts": 4, "rank": 3},
    "mola": {"experts": "24", "rank": 3},
    "loramoe": {"experts": 4},
    "pesc": {"experts": 4, "width": 6, "rank": 3},
    "molora": {"experts": 3},
    "moelora": {"experts": 4, "rank": 8, "tasks": 3, "task_width": 5},
    "mov": {"experts": 3},
    "rslora": {"rank": 4},
    "dora": {"rank": 4},
    "qlora": {"rank": 4},
}
"""Settings with which each method is small."""

NO_DROPOUT = {"ia3", "mov"}


def method(name, **changes):
    """A small method without chance in it."""
    still = {} if name in NO_DROPOUT else {"dropout": 0.0}
    return build("methods", {"use": name, **SMALL.get(name, {}), **still, **changes})


def base(seed=0):
    """A small decoder in float64, in training."""
    return seeded(from_depth(2, WORDS, 64), seed).double().train()


def batch(rows=3, length=11, seed=1):
    """Tokens, and a mask that leaves out the end of the second row."""
    chance = torch.Generator().manual_seed(seed)
    mask = torch.ones(rows, length, dtype=torch.bool)
    mask[1, length // 2 :] = False
    return torch.randint(0, WORDS, (rows, length), generator=chance), mask


def put(model, name, shake=True, **changes):
    """Put a method on a model; shaken, no weight is at a value that hides a mistake."""
    adapted = attach(model, method(name, **changes), seed=3)
    model.double()
    if shake:
        chance = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for weight in adapted.parameters():
                weight.add_(0.2 * torch.randn(weight.shape, generator=chance, dtype=weight.dtype))
    return adapted


def gates(logits, top_k):
    """The gates of one token: softmax, the best, and their sum made one."""
    exps = [math.exp(value) for value in logits.tolist()]
    probabilities = [value / sum(exps) for value in exps]
    best = sorted(range(len(exps)), key=lambda expert: -probabilities[expert])[: top_k or len(exps)]
    kept = sum(probabilities[expert] for expert in best)
    return {expert: probabilities[expert] / kept for expert in best}


def low_rank(x, A, B, scale):
    """One expert's change of one vector, A (R, I) and B (R, O)."""
    return scale * (B.T @ (A @ x))
