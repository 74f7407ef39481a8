"""How far confidences can be trusted: plain numbers in, plain numbers out.

Everywhere ``right`` says of each answer whether it was right and ``sure`` how sure it was; the two have one length.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like confidence: how many, how sure they are on average, and which share is right."""

    count: int
    sure: float
    right: float


@dataclass(frozen=True, slots=True)
class Point:
    """A way to answer only what is surest: the share that is answered, and the share of it that is wrong."""

    coverage: float
    risk: float


def average_precision(right: Sequence[bool], sure: Sequence[float]) -> float:
    """Give the average precision: the precision at each confidence, weighed by the recall that it adds.

    Equal confidences are one step, and nothing is interpolated, as in scikit-learn's ``average_precision_score``.
    It is 0 where nothing is right. Shuffled confidences give about the share that is right: hold it against that.
    """
    total = sum(right)
    found = seen = 0
    area = 0.0
    for some in _steps(right, sure):
        found, seen = found + sum(some), seen + len(some)
        area += sum(some) * found / seen
    return area / total if total else 0.0


def roc_area(right: Sequence[bool], sure: Sequence[float]) -> float | None:
    """Give the chance that a right answer is surer than a wrong one, equal ones counting half; None without both."""
    rights, wrongs = sum(right), len(right) - sum(right)
    if not rights or not wrongs:
        return None
    below, area = wrongs, 0.0
    for some in _steps(right, sure):
        hits = sum(some)
        misses = len(some) - hits
        below -= misses
        area += hits * (below + misses / 2)
    return area / (rights * wrongs)


def bins(right: Sequence[bool], sure: Sequence[float], count: int = 10) -> list[Bin]:
    """Sort answers into bins of equal width, (0, 1/count], (1/count, 2/count] and so on; empty ones are left out."""
    held: dict[int, list[tuple[bool, float]]] = {}
    for hit, level in zip(right, sure, strict=True):
        held.setdefault(max(0, math.ceil(level * count) - 1), []).append((hit, level))
    return [_bin(held[place]) for place in sorted(held)]


def calibration_error(right: Sequence[bool], sure: Sequence[float], count: int = 10) -> float:
    """Give the expected calibration error: how far confidence and share of right ones lie apart, over all bins.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    found = bins(right, sure, count)
    return sum(each.count * abs(each.right - each.sure) for each in found) / max(len(right), 1)


def brier(right: Sequence[bool], sure: Sequence[float]) -> float:
    """Give the mean squared distance of confidence from what came true (Brier 1950): 0 is best, 1 worst."""
    return sum((level - hit) ** 2 for hit, level in zip(right, sure, strict=True)) / max(len(right), 1)


def risk_coverage(right: Sequence[bool], sure: Sequence[float]) -> list[Point]:
    """Give the share that is wrong of the surest answers, for each share that is answered (El-Yaniv, Wiener 2010)."""
    points = []
    found = seen = 0
    for some in _steps(right, sure):
        found, seen = found + sum(some), seen + len(some)
        points.append(Point(seen / len(right), 1 - found / seen))
    return points


def risk_area(right: Sequence[bool], sure: Sequence[float]) -> float:
    """Give the area under risk by coverage: each step counts for the answers that it adds (Geifman et al. 2019)."""
    area = before = 0.0
    for point in risk_coverage(right, sure):
        area, before = area + (point.coverage - before) * point.risk, point.coverage
    return area


def entropy(shares: Mapping[str, float] | Iterable[float]) -> float:
    """Give the entropy of shares or counts in nats: 0 where all answers are one."""
    weights = [value for value in (shares.values() if isinstance(shares, Mapping) else shares) if value > 0]
    total = sum(weights)
    found = -sum(value / total * math.log(value / total) for value in weights)
    return max(found, 0.0)


def _steps(right: Sequence[bool], sure: Sequence[float]) -> Iterator[list[bool]]:
    """Give the answers from the surest down, equal confidences together."""
    pairs = sorted(zip(sure, right, strict=True), key=lambda pair: -pair[0])
    for _, some in groupby(pairs, key=lambda pair: pair[0]):
        yield [bool(hit) for _, hit in some]


def _bin(held: Sequence[tuple[bool, float]]) -> Bin:
    count = len(held)
    return Bin(count, sum(level for _, level in held) / count, sum(hit for hit, _ in held) / count)
