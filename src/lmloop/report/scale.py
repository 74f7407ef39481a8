"""Scales: from values to places along an axis in percent, and the round numbers to print beside it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from lmloop.report.units import exact, tick

MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis: its range, whether it is logarithmic, and what it is called."""

    low: float
    high: float
    log: bool = False
    name: str = ""
    unit: str = ""

    def at(self, value: float) -> float:
        """Where a value lies, in percent of the axis; values outside lie on its ends."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return min(100 * (math.log(value / self.low) / math.log(self.high / self.low)), 100)
        # Halved first, so that the width of the widest range a float can hold does not overflow.
        return min(100 * ((value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)), 100)

    def ticks(self) -> list[tuple[float, str]]:
        """Places in percent and labels of the round values on this axis."""
        values = _log_ticks(self.low, self.high) if self.log else _round_values(self.low, self.high)
        labels = [tick(value, self.unit) for value in values]
        if len(set(labels)) < len(labels):  # a short range far from zero: 100.2, 100.4 and not 100, 100
            labels = [exact(value) for value in values]
        return list(zip(map(self.at, values), labels, strict=True))


def fit(values: Iterable[float | None], scale: Scale, zero: bool, rounded: bool) -> Scale:
    """`scale` over these values: from zero if asked, and ending on round values if asked."""
    found = [value for value in values if value is not None and math.isfinite(value)]
    if scale.log:
        found = [value for value in found if value > 0] or [1.0]
        low, high = min(found), max(found)
        if high <= low * (1 + 1e-12):
            low, high = low / 2, high * 2
        return Scale(low, high, True, scale.name, scale.unit)
    found = ([*found, 0.0] if zero else found) or [0.0]
    low, high = float(min(found)), float(max(found))
    # Values that differ only in their last digits count as one: no round number fits in between.
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        reach = abs(high) / 2 or 1.0
        low, high = (low if zero else low - reach), high + reach
    if rounded:
        step = _step(low, high)
        low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return Scale(low, high, False, scale.name, scale.unit)


def _step(low: float, high: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that needs few enough ticks."""
    rough = high / MOST_TICKS - low / MOST_TICKS
    power = float(10.0 ** math.floor(math.log10(rough)))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9))


def _round_values(low: float, high: float) -> list[float]:
    step = _step(low, high)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    # Rounding removes the 0.30000000000000004 of repeated addition.
    return [float(f"{count * step:.12g}") for count in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [factor * 10.0**decade for decade in decades for factor in factors]
        values = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if 2 <= len(values) <= MOST_TICKS + 1:
            return values
    if len(values) < 2:
        return _round_values(low, high)
    return values[:: math.ceil(len(values) / MOST_TICKS)]
