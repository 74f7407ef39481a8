"""Means with what one may believe of them: standard errors, also of clustered items, and intervals.

Source of the clustered errors: Miller 2024, "Adding Error Bars to Evals", section 2.2, with the correction for few
clusters G/(G-1) that regression packages use (Cameron, Miller 2015, section II.B); clusters of one item each give
the usual standard error.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmloop.scoring.distributions import normal_quantile, student_quantile

LEVEL = 0.95
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of ``n`` items in ``clusters`` clusters, its standard error and its interval.

    ``se`` is None where one cluster or item is all there is; the interval is then the mean itself.
    """

    mean: float
    n: int
    clusters: int
    se: float | None
    low: float
    high: float


def mean_of(
    values: Sequence[float],
    clusters: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
    level: float = LEVEL,
) -> Mean:
    """Give the (weighted) mean of some values; an empty name of a cluster is that of an item on its own.

    Shares of right answers without clusters or weights get Wilson's interval, all else Student's t with as many
    degrees of freedom as there are clusters, less one; that of a share ends at 0 and 1.
    """
    x = np.asarray(values, np.float64)
    if not len(x):
        return Mean(math.nan, 0, 0, None, math.nan, math.nan)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    total = float(w.sum())
    mean = float((w * x).sum() / total) if total else math.nan
    sums = cluster_sums(w * (x - mean) / total, clusters)
    groups = len(sums)
    if groups < 2 or not math.isfinite(mean):
        return Mean(mean, len(x), groups, None, mean, mean)
    se = math.sqrt(float((sums**2).sum()) * groups / (groups - 1))
    alone, share = groups == len(x) and bool((w == w[0]).all()), is_binary(x)
    if alone and share:
        return Mean(mean, len(x), groups, se, *wilson(round(float(x.sum())), len(x), level))
    return Mean(mean, len(x), groups, se, *_around(mean, student_quantile(level, groups - 1) * se, share))


def cluster_sums(values: Floats, clusters: Sequence[str] | None) -> Floats:
    """Add up the values of each cluster: float64 [clusters], in no order that counts."""
    if clusters is None or not any(clusters):
        return values
    names = np.array([name or f"\0{place}" for place, name in enumerate(clusters)], dtype=object).astype(str)
    _, which = np.unique(names, return_inverse=True)
    return np.bincount(which, weights=values).astype(np.float64)


def macro_mean(parts: Sequence[Mean], level: float = LEVEL) -> Mean:
    """Give the plain mean of the means of groups, each counting the same; its error is that of independent groups.

    Where all groups' intervals lie between 0 and 1, as those of shares do, so does its own. (Of anything else with
    such intervals it does so anyway: they are even about their means, and its own is no wider than they on average.)
    """
    parts = [part for part in parts if part.n]
    if not parts:
        return mean_of(())
    mean = math.fsum(part.mean for part in parts) / len(parts)
    known = [part.se for part in parts if part.se is not None]
    n, clusters = sum(part.n for part in parts), sum(part.clusters for part in parts)
    if len(known) < len(parts):
        return Mean(mean, n, clusters, None, mean, mean)
    se = math.sqrt(math.fsum(error * error for error in known)) / len(parts)
    shares = all(part.low >= 0 and part.high <= 1 for part in parts)
    return Mean(mean, n, clusters, se, *_around(mean, normal_quantile(level) * se, shares))


def _around(mean: float, reach: float, share: bool) -> tuple[float, float]:
    low, high = mean - reach, mean + reach
    return (max(0.0, low), min(1.0, high)) if share else (low, high)


def wilson(right: int, total: int, level: float = LEVEL) -> tuple[float, float]:
    """Give the interval of a share, also a sensible one near 0 and 1 (Wilson 1927)."""
    if total == 0:
        return 0.0, 1.0
    z, share = normal_quantile(level), right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    reach = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def is_binary(values: Any) -> bool:
    """Whether all values are 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())
