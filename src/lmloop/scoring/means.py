"""Means with what one may believe of them: standard errors, also of clustered items, and intervals.

Source of the clustered errors: Miller 2024, "Adding Error Bars to Evals", section 2.2, with the correction for few
clusters G/(G-1) that regression packages use (Cameron, Miller 2015, section II.B); clusters of one item each give
the usual standard error.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lmloop.scoring.distributions import normal_quantile, student_quantile

LEVEL = 0.95
Floats = npt.NDArray[np.float64]
Bounds: TypeAlias = tuple[float, float]
"""The least and the largest value that there may be."""

SHARE: Bounds = (0.0, 1.0)
TINY = 1e-12
"""A standard error that comes of rounding alone."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of ``n`` items in ``clusters`` clusters, its standard error and its interval.

    ``se`` is None where one cluster or item is all there is; the interval is then the mean itself, or, of values with
    bounds, all that they leave.
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
    bounds: Bounds | None = None,
) -> Mean:
    """Give the (weighted) mean of some values; an empty name of a cluster is that of an item on its own.

    Shares of right answers without clusters or weights get Wilson's interval. Other means of values that lie within
    ``bounds``, and shares, get Wilson's with the number of yes-or-no items that would have their standard error
    (:func:`within`), which never leaves the bounds; all else gets Student's t. Both with as many degrees of freedom as
    there are clusters, less one. Bounds that a value lies beyond are none.
    """
    x = np.asarray(values, np.float64)
    if not len(x):
        return Mean(math.nan, 0, 0, None, math.nan, math.nan)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    total = float(w.sum())
    mean = float((w * x).sum() / total) if total else math.nan
    sums = cluster_sums(w * (x - mean) / total, clusters)
    groups, share = len(sums), bounds in (None, SHARE) and is_binary(x)
    bounds = SHARE if share else bounds
    if bounds and not (bounds[0] <= x.min() and x.max() <= bounds[1]):
        bounds = None
    if groups == len(x) and share and bool((w == w[0]).all()):
        se = math.sqrt(float((sums**2).sum()) * groups / (groups - 1)) if groups > 1 else None
        return Mean(mean, len(x), groups, se, *wilson(round(float(x.sum())), len(x), level))
    if groups < 2 or not math.isfinite(mean):
        return Mean(mean, len(x), groups, None, *(bounds or (mean, mean)))
    se = math.sqrt(float((sums**2).sum()) * groups / (groups - 1))
    reach = student_quantile(level, groups - 1)
    ends = within(bounds, mean, se, groups, reach) if bounds else (mean - reach * se, mean + reach * se)
    return Mean(mean, len(x), groups, se, *ends)


def cluster_sums(values: Floats, clusters: Sequence[str] | None) -> Floats:
    """Add up the values of each cluster: float64 [clusters], in no order that counts."""
    if clusters is None or not any(clusters):
        return values
    names = np.array([name or f"\0{place}" for place, name in enumerate(clusters)], dtype=object).astype(str)
    _, which = np.unique(names, return_inverse=True)
    return np.bincount(which, weights=values).astype(np.float64)


def macro_mean(parts: Sequence[Mean], level: float = LEVEL, bounds: Bounds | None = None) -> Mean:
    """Give the plain mean of the means of groups, each counting the same; its error is that of independent groups.

    Where all groups' intervals lie within ``bounds``, or between 0 and 1, as those of shares do, so does its own. Where
    a group has no error, there is none, and the interval goes from the mean of the lower ends to that of the upper.
    """
    parts = [part for part in parts if part.n]
    if not parts:
        return mean_of(())
    mean = math.fsum(part.mean for part in parts) / len(parts)
    known = [part.se for part in parts if part.se is not None]
    n, clusters = sum(part.n for part in parts), sum(part.clusters for part in parts)
    if len(known) < len(parts):
        low, high = (math.fsum(getattr(part, end) for part in parts) / len(parts) for end in ("low", "high"))
        return Mean(mean, n, clusters, None, low, high)
    se = math.sqrt(math.fsum(error * error for error in known)) / len(parts)
    reach = normal_quantile(level)
    least, most = bounds or SHARE
    if not all(least <= part.low and part.high <= most for part in parts):
        return Mean(mean, n, clusters, se, mean - reach * se, mean + reach * se)
    # so many items in all, spread evenly, would be as good as these are
    even = len(parts) ** 2 / math.fsum(1 / part.clusters for part in parts)
    return Mean(mean, n, clusters, se, *within((least, most), mean, se, even, reach))


def within(bounds: Bounds, mean: float, se: float, clusters: float, reach: float) -> tuple[float, float]:
    """Give the interval of a mean of values that have bounds: Wilson's, of an effective number of items.

    That is how many items of yes or no have this mean and this standard error, p (1 - p) / se^2; where no value differs
    from the others, and there is no error to go by, it is the number of clusters, so that 9 of 9 right are not certain.
    ``reach`` is Student's quantile for few clusters.

    Source: Kish 1965 (the design effect); Dean and Pagano 2015, "Evaluating Confidence Interval Methods for Binomial
    Proportions in Clustered Surveys", whose Wilson interval this is; Korn and Graubard 1998 for the degrees of freedom.
    """
    least, most = bounds
    share = min(max((mean - least) / (most - least), 0.0), 1.0)
    error = se / (most - least)
    items = share * (1 - share) / error**2 if error > TINY and 0 < share < 1 else clusters
    low, high = _wilson(share, items, reach)
    return least + low * (most - least), least + high * (most - least)


def wilson(right: int, total: int, level: float = LEVEL) -> tuple[float, float]:
    """Give the interval of a share, also a sensible one near 0 and 1 (Wilson 1927)."""
    return _wilson(right / total, total, normal_quantile(level)) if total else SHARE


def _wilson(share: float, total: float, z: float) -> tuple[float, float]:
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    reach = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def is_binary(values: Any) -> bool:
    """Whether all values are 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())
