"""Tails of distributions, for tests of differences: exact to what a double can hold, and no scipy."""

import math
from statistics import NormalDist

from lmloop.core.errors import DataError

STANDARD = NormalDist()
MOST_TERMS = 500


def normal_two_sided(z: float) -> float:
    """Give how likely a standard normal number lies at least so far from 0, on either side."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_quantile(level: float) -> float:
    """Give the z within which, on both sides of 0, a share ``level`` of a standard normal lies: 1.96 for 0.95."""
    if not 0 < level < 1:
        raise DataError(f"a level lies between 0 and 1, got {level}")
    return STANDARD.inv_cdf(0.5 + level / 2)


def student_two_sided(t: float, freedom: float) -> float:
    """Give how likely Student's t with so many degrees of freedom lies at least so far from 0, on either side."""
    if math.isinf(t):
        return 0.0
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def student_quantile(level: float, freedom: float) -> float:
    """Give the t within which, on both sides of 0, a share ``level`` lies; by halving intervals."""
    low, high = 0.0, 1.0
    while student_two_sided(high, freedom) > 1 - level:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if student_two_sided(middle, freedom) > 1 - level else (low, middle)
    return (low + high) / 2


def binomial_two_sided(wins: int, losses: int) -> float:
    """Give how likely a fair coin falls at least so unevenly: the exact test of signs."""
    total, fewer = wins + losses, min(wins, losses)
    if total == 0:
        return 1.0
    begin = -total * math.log(2) + math.lgamma(total + 1)
    terms = (math.exp(begin - math.lgamma(k + 1) - math.lgamma(total - k + 1)) for k in range(fewer + 1))
    return min(1.0, 2 * math.fsum(terms))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Give the regularised incomplete beta function I_x(a, b) by its continued fraction (Abramowitz, Stegun 26.5.8)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    tiny = 1e-300
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, MOST_TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + term * d, tiny)
            c = _away(1 + term / c, tiny)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return math.exp(front) * value / a


def _away(value: float, tiny: float) -> float:
    """Keep a number away from 0, as it is divided by."""
    return value if abs(value) > tiny else tiny
