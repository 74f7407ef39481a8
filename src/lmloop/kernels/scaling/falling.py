"""How a loss falls within one training: a power law of the tokens read, with intervals.

Kaplan et al. 2020 (equation 1.2) fit L = (x0 / x)^b; with a floor that no reading gets below it is the form of Henighan
et al. 2020 (equation 1.1). Neighbouring steps are put together first, in places evenly spread over the logarithm of x,
so that the many late steps do not outweigh the few early ones.

Shape letters: n places, G exponents that are tried.
"""

from dataclasses import dataclass

import numpy as np

from lmloop.kernels.scaling.points import Floats
from lmloop.kernels.scaling.single import one_thread

EXPONENTS = np.geomspace(0.01, 3.0, 600)
BLOCK = 4
"""So many neighbouring places are drawn together: what pushes a loss up or down lasts longer than one."""
FEWEST = 8


@dataclass(frozen=True, slots=True)
class Falling:
    """L = floor + amount / x^exponent."""

    floor: float
    amount: float
    exponent: float

    def at(self, x: Floats) -> Floats:
        """Give the loss after reading x."""
        return self.floor + self.amount * np.asarray(x, dtype=np.float64) ** -self.exponent


def spread(x: Floats, y: Floats, first: float, count: int) -> tuple[Floats, Floats]:
    """Give the means of y over ``count`` stretches of log x from ``first`` on; those that hold nothing are left out."""
    kept = x >= first
    x, y = x[kept], y[kept]
    if not len(x):
        return x, y
    stretch = np.log(x / x[0]) / max(np.log(x[-1] / x[0]), 1e-12) * count
    group = np.minimum(stretch.astype(np.int64), count - 1)
    sizes = np.bincount(group, minlength=count)
    there = sizes > 0
    middles = np.exp(np.bincount(group, np.log(x), count)[there] / sizes[there])
    return middles, np.bincount(group, y, count)[there] / sizes[there]


def fall(x: Floats, y: Floats, floor: bool = True) -> Falling:
    """Fit by least squares of relative errors; without ``floor`` the law is a straight line in log-log."""
    with one_thread():
        return _fit(x, y, np.ones((1, len(x))), floor)[0]


def intervals(x: Floats, y: Floats, draws: int, seed: int) -> list[Falling]:
    """Refit to stretches of neighbouring places drawn with replacement (Kunsch 1989): a fit for each draw."""
    rng = np.random.default_rng(seed)
    count = len(x)
    starts = rng.integers(0, count, (draws, -(-count // BLOCK)))
    places = ((starts[:, :, None] + np.arange(BLOCK)) % count).reshape(draws, -1)[:, :count]
    weights = np.stack([np.bincount(row, minlength=count) for row in places]).astype(np.float64)
    with one_thread():
        return _fit(x, y, weights, True)


def between(values: Floats) -> tuple[float, float]:
    """Give where the middle 95 % of values lie."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _fit(x: Floats, y: Floats, weights: Floats, floor: bool) -> list[Falling]:
    """For each row of weights [draws, n] try all exponents; floor and amount are then a line through two sums."""
    scale = float(np.exp(np.log(x).mean()))
    fallen_Gn = (x / scale) ** -EXPONENTS[:, None]
    found = []
    for weight in weights / y**2:
        total, sum_y = weight.sum(), weight @ y
        sums_G, squares_G = fallen_Gn @ weight, fallen_Gn**2 @ weight
        products_G = fallen_Gn @ (weight * y)
        spread_G = np.maximum(total * squares_G - sums_G**2, 1e-12 * total * squares_G)
        amount_G = (total * products_G - sums_G * sum_y) / spread_G
        floor_G = (sum_y - amount_G * sums_G) / total
        # a floor below nothing, or a loss that rises, is none
        bare_G = (floor_G < 0) | (amount_G <= 0) | (not floor)
        amount_G = np.where(bare_G, products_G / squares_G, amount_G)
        floor_G = np.where(bare_G, 0.0, floor_G)
        errors_G = ((floor_G[:, None] + amount_G[:, None] * fallen_Gn - y) ** 2) @ weight
        best = int(errors_G.argmin())
        exponent = float(EXPONENTS[best])
        found.append(Falling(float(floor_G[best]), float(amount_G[best]) * scale**exponent, exponent))
    return found
