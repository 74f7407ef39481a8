"""Amounts as people write them: seconds (``300ms``, ``2min``), rates over time (``1..20``), lengths, and limits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

import numpy as np
from pydantic import BeforeValidator

UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
AMOUNT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|min|m|h|)")
MEASURES: Final = ("ttft", "tpot", "itl", "latency")
LIMIT: Final = re.compile(r"(?P<measure>\w+)(?::p(?P<percent>\d+(?:\.\d+)?))?\s*(?:=|<=|<)\s*(?P<amount>.+)")


def seconds(told: Any) -> float:
    """Read a time: a number of seconds, or a text with a unit.

    Raises:
        ValueError: it is none.
    """
    if isinstance(told, int | float) and not isinstance(told, bool):
        return float(told)
    match = AMOUNT.fullmatch(str(told).strip())
    if not match:
        raise ValueError(f"{told!r} is no time: write 300ms, 30s or 2min")
    return float(match[1]) * UNITS[match[2]]


Seconds: TypeAlias = Annotated[float, BeforeValidator(seconds)]
"""A setting that is a time."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a reply must keep to: a measure, and seconds. ``percent`` is the share of a whole test that must."""

    measure: str
    seconds: float
    percent: float = 99.0

    def __str__(self) -> str:
        return f"{self.measure} p{self.percent:g} <= {1000 * self.seconds:g} ms"


def limit(told: str) -> Limit:
    """Read a limit: ``ttft=300ms``, ``itl:p90=50ms``.

    Raises:
        ValueError: it is none.
    """
    match = LIMIT.fullmatch(told.strip())
    if not match or match["measure"] not in MEASURES:
        raise ValueError(f"{told!r} is no limit: write ttft=300ms or itl:p90=50ms, of {', '.join(MEASURES)}")
    percent = float(match["percent"] or 99)
    if not 0 < percent < 100:
        raise ValueError(f"{told!r}: a percentile lies between 0 and 100")
    return Limit(match["measure"], seconds(match["amount"]), percent)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some seconds in which the rate of arrivals goes from ``low`` to ``high`` in a straight line."""

    seconds: float
    low: float
    high: float


def rates(told: Any, duration: float) -> tuple[Stretch, ...]:
    """Read rates over a duration: ``10`` (steady), ``1..20`` (a ramp), ``2,4,8`` (steps of equal length).

    Raises:
        ValueError: they are none.
    """
    parts = str(told).split(",")
    try:
        ends = [tuple(map(float, part.split(".."))) for part in parts]
    except ValueError:
        ends = [()]
    if any(len(end) not in (1, 2) or min(end) < 0 or not max(end) > 0 for end in ends):
        raise ValueError(f"{told!r} are no rates: write 10, 1..20 for a ramp, or 2,4,8 for steps")
    return tuple(Stretch(duration / len(ends), end[0], end[-1]) for end in ends)


@dataclass(frozen=True, slots=True)
class Lengths:
    """A distribution of lengths."""

    kind: str
    numbers: tuple[float, ...]

    def draw(self, count: int, chance: np.random.Generator) -> "Sequence[int]":
        """Draw some lengths, each at least 1."""
        first, second = self.numbers[0], self.numbers[-1]
        if self.kind == "fixed":
            drawn = np.full(count, first)
        elif self.kind == "uniform":
            drawn = chance.integers(int(first), int(second), count, endpoint=True).astype(float)
        elif self.kind == "normal":
            drawn = chance.normal(first, second, count)
        elif self.kind == "lognormal":
            drawn = first * np.exp(chance.normal(0.0, second, count))
        else:
            drawn = chance.exponential(first, count)
        return [int(length) for length in np.maximum(1, np.rint(drawn))]


def lengths(told: Any) -> Lengths:
    """Read lengths: ``512``, ``100..900``, ``normal:512:100``, ``lognormal:512:0.8`` (median, sigma).

    Raises:
        ValueError: they are none.
    """
    text = str(told).strip()
    kind, _, rest = text.partition(":")
    try:
        if not rest:
            numbers = tuple(float(part) for part in text.split(".."))
            kind = "uniform" if len(numbers) == 2 else "fixed"
        else:
            numbers = tuple(map(float, rest.split(":")))
    except ValueError:
        numbers = ()
    wanted = {"fixed": 1, "uniform": 2, "normal": 2, "lognormal": 2, "exponential": 1}
    if wanted.get(kind) != len(numbers) or numbers[0] < 1 or (kind == "uniform" and numbers[1] < numbers[0]):
        raise ValueError(f"{told!r} is no length: write 512, 100..900, normal:512:100 or lognormal:512:0.8")
    return Lengths(kind, numbers)
