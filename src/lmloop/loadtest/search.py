"""The search for the highest rate that a server bears: doubling until it does not, then halving the interval."""

from collections.abc import Callable

CLOSE = 1.1
"""The search ends when the lowest rate that failed is within this factor of the highest that held."""


def highest(start: float, most: float, holds: Callable[[float], bool], close: float = CLOSE) -> tuple[float, float]:
    """Give the highest rate that held and the lowest that did not: 0 and infinity where there was none.

    ``holds`` makes the test at a rate. The first that fails already leads downwards, to a 64th of the start at most.
    """
    low, high = 0.0, float("inf")
    rate = start
    while high == float("inf") or not low:
        if holds(rate):
            low = max(low, rate)
            if high == float("inf") and rate >= most:
                return low, high
            rate = min(rate * 2, most)
        else:
            high = min(high, rate)
            rate = rate / 2
        if not low and rate < start / 64:
            return low, high
        if low and high < float("inf"):
            break
    while high / low > close:
        rate = (low * high) ** 0.5
        if holds(rate):
            low = rate
        else:
            high = rate
    return low, high
