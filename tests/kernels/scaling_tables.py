"""Tables of runs drawn from a known law."""

import numpy as np

from lmloop.kernels.scaling.points import FLOPS_EACH, Points

PUBLISHED = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
"""The fit of Besiroglu et al. 2024 to the runs of Hoffmann et al. 2022 (table 1)."""


def loss(params, tokens, law=PUBLISHED):
    return law["E"] + law["A"] / params ** law["alpha"] + law["B"] / tokens ** law["beta"]


def isoflop(budgets=8, sizes=9, noise=0.0, seed=0):
    """Budgets of 1e18 to 3e21 FLOPs, each spent on several sizes around the best."""
    c = np.repeat(np.geomspace(1e18, 3e21, budgets), sizes)
    n = np.sqrt(c / 120) * np.tile(np.geomspace(0.2, 5, sizes), budgets)
    d = c / FLOPS_EACH / n
    rng = np.random.default_rng(seed)
    return Points.of(n, d, loss(n, d) * np.exp(rng.normal(0, noise, len(n)) if noise else 0))


def grid(params, tokens, noise=0.0, seed=0, law=PUBLISHED):
    n, d = (side.ravel() for side in np.meshgrid(params, tokens))
    rng = np.random.default_rng(seed)
    return Points.of(n, d, loss(n, d, law) * np.exp(rng.normal(0, noise, len(n)) if noise else 0))
