"""When requests arrive: constant, Poisson or gamma gaps, at a rate that may change over time.

Gaps are drawn at rate 1 and the time axis is then bent so that the rate is the wanted one (inversion of the
cumulative rate; Çinlar 1975, "Introduction to Stochastic Processes", section 4.7). They are never rescaled to fill a
given time: the number of arrivals in a minute varies as it does in life.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from lmloop.loadtest.amounts import Stretch

Pattern: TypeAlias = Literal["poisson", "constant", "gamma"]
BLOCK = 4096


def arrivals(
    stretches: Sequence[Stretch], pattern: Pattern, burstiness: float, most: int | None, chance: np.random.Generator
) -> list[float]:
    """Give the moments of arrival in seconds, in order: all in the stretches, or the first ``most``.

    With a number of arrivals wanted, the last rate goes on until they are all there. ``burstiness`` is the shape of the
    gamma distribution: 1 is Poisson, less comes in bursts, more is evener.
    """
    found: list[float] = []
    total = 0.0
    end = sum(stretch.seconds for stretch in stretches)
    while most is None or len(found) < most:
        gaps = _gaps(pattern, burstiness, chance)
        if not found and pattern == "constant":
            gaps[0] = 0.0
        counts = total + np.cumsum(gaps)
        total = float(counts[-1])
        moments = _bend(counts, stretches)
        if most is None:
            inside = moments[moments < end]
            found += inside.tolist()
            if len(inside) < len(moments):
                return found
        else:
            found += moments.tolist()
    return found[:most]


def _gaps(pattern: Pattern, burstiness: float, chance: np.random.Generator) -> np.ndarray:
    if pattern == "constant":
        return np.ones(BLOCK)
    if pattern == "poisson":
        return chance.exponential(1.0, BLOCK)
    return chance.gamma(burstiness, 1.0 / burstiness, BLOCK)


def _bend(counts: np.ndarray, stretches: Sequence[Stretch]) -> np.ndarray:
    """Find the moments at which so many arrivals are due; behind the last stretch its last rate goes on."""
    moments = np.empty_like(counts)
    done, begin = 0.0, 0.0
    left = np.ones(len(counts), bool)
    for stretch in stretches:
        here = (stretch.low + stretch.high) / 2 * stretch.seconds
        inside = left & (counts - done < here)
        moments[inside] = begin + _inverse(counts[inside] - done, stretch)
        left &= ~inside
        done, begin = done + here, begin + stretch.seconds
    last = max(stretches[-1].high, 1e-9)
    moments[left] = begin + (counts[left] - done) / last
    return moments


def _inverse(counts: np.ndarray, stretch: Stretch) -> np.ndarray:
    """Solve low t + slope t^2 / 2 = count."""
    slope = (stretch.high - stretch.low) / stretch.seconds
    if abs(slope) < 1e-12:
        return counts / stretch.low
    root = np.sqrt(np.maximum(stretch.low**2 + 2 * slope * counts, 0.0))
    return 2 * counts / (stretch.low + root)
