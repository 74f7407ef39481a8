"""Two models on the same items: is the difference more than chance? Paired tests, and Holm's correction of many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmloop.scoring.distributions import (
    binomial_two_sided,
    normal_quantile,
    normal_two_sided,
    student_quantile,
    student_two_sided,
)
from lmloop.scoring.means import LEVEL, is_binary, mean_of


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of second less first on ``n`` common items, its interval, and how likely chance alone gives as much.

    ``gained`` and ``lost`` count items on which the second is better, and worse; ``test`` names how p was found.
    """

    mean: float
    se: float
    low: float
    high: float
    p: float
    n: int
    gained: int
    lost: int
    test: str


def compare(first: Sequence[float], second: Sequence[float], clusters: Sequence[str] | None = None) -> Difference:
    """Compare two models item by item.

    Right and wrong without clusters are held against each other by the exact test of McNemar (1947); anything else by
    a t test of the differences, their standard error clustered.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    assert a.shape == b.shape, "paired tests need the same items"
    change = b - a
    gained, lost = int((change > 0).sum()), int((change < 0).sum())
    found = mean_of(change.tolist(), clusters)
    se = found.se or 0.0
    if found.clusters < 2:
        return Difference(found.mean, 0.0, found.mean, found.mean, 1.0, len(a), gained, lost, "none")
    reach = student_quantile(LEVEL, found.clusters - 1) * se
    if is_binary(a) and is_binary(b) and found.clusters == len(a):
        p, test = binomial_two_sided(gained, lost), "McNemar"
    else:
        p = student_two_sided(found.mean / se, found.clusters - 1) if se else float(found.mean == 0)
        test = "paired t" if found.clusters == len(a) else "paired t, clustered"
    return Difference(found.mean, se, found.mean - reach, found.mean + reach, p, len(a), gained, lost, test)


def combine(parts: Sequence[Difference]) -> Difference:
    """Compare two models on the plain average of several tasks: independent tasks, each counting the same."""
    k = len(parts)
    mean = math.fsum(part.mean for part in parts) / k
    se = math.sqrt(math.fsum(part.se**2 for part in parts)) / k
    reach = normal_quantile(LEVEL) * se
    p = normal_two_sided(mean / se) if se else float(mean == 0)
    n, gained, lost = (sum(getattr(part, name) for part in parts) for name in ("n", "gained", "lost"))
    return Difference(mean, se, mean - reach, mean + reach, p, n, gained, lost, "z of the average")


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p values of several tests: all that is below 0.05 then holds at once, in 95 % of cases (Holm 1979)."""
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    found, most = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        most = max(most, min(1.0, (len(ps) - rank) * ps[place]))
        found[place] = most
    return found


def smallest_shown(se: float, power: float = 0.8, alpha: float = 1 - LEVEL) -> float:
    """Say which difference would be shown with this power, given the standard error of the one that was measured."""
    return (normal_quantile(1 - alpha) + normal_quantile(2 * power - 1)) * se
