"""Comparing data sets, optimizers or recipes: one law with shared exponents, each side's own multipliers.

Fits with exponents of their own cannot be compared: a small change of alpha moves A tenfold. With the exponents
shared, the ratio of the multipliers says how many times the parameters or the tokens one side is worth
(arXiv 2602.07712).
"""

from dataclasses import dataclass

import numpy as np

from lmloop.core.errors import DataError
from lmloop.kernels.scaling.fit import Fit, fit
from lmloop.kernels.scaling.frontier import Interval, interval
from lmloop.kernels.scaling.law import Chinchilla
from lmloop.kernels.scaling.points import Floats, Points
from lmloop.kernels.scaling.resample import bootstrap

FEWEST = 3


@dataclass(frozen=True, slots=True)
class Side:
    """One side: how many times the parameters and the tokens of the first it is worth, and its irreducible loss."""

    name: str
    runs: int
    params: Interval
    tokens: Interval
    floor: Interval


def compare(points: Points, own: str, draws: int, seed: int) -> tuple[Fit, list[Side]]:
    """Fit all groups together; ``own`` names what is each one's own: "AB" for optimizers, "EAB" for data.

    Raises:
        DataError: a group has fewer than three runs, or there is only one group.
    """
    counts = np.bincount(points.group, minlength=len(points.groups))
    if len(points.groups) < 2:
        raise DataError("there is only one group: nothing to compare")
    for name, count in zip(points.groups, counts, strict=True):
        if count < FEWEST:
            raise DataError(
                f"the group {name!r} has {count} runs: too few to compare", hint="leave it out of the table"
            )
    law = Chinchilla.over(points, own)
    found = fit(law, points)
    spread = bootstrap(found, points, draws, seed)
    worth = [_worth(law, theta) for theta in (found.theta, spread)]
    sides = []
    for number, name in enumerate(points.groups):
        three = (interval(many[..., number], np.asarray(one[..., number])) for one, many in zip(*worth, strict=True))
        sides.append(Side(name, int(counts[number]), *three))
    return found, sides


def _worth(law: Chinchilla, theta: Floats) -> tuple[Floats, Floats, Floats]:
    """Give each group's worth in parameters and in tokens against the first, and its E: each [..., groups]."""
    place = law.places()

    def each(name: str) -> Floats:
        mine = theta[..., place[name]]
        return np.broadcast_to(mine, (*mine.shape[:-1], law.groups))

    a, b = each("A"), each("B")
    alpha, beta = theta[..., place["alpha"]], theta[..., place["beta"]]
    return np.exp((a[..., :1] - a) / alpha), np.exp((b[..., :1] - b) / beta), np.exp(each("E"))
