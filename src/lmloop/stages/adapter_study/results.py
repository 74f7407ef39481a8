"""From courses to what is compared: the better rate of each arm, means, and paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from lmloop.stages.adapter_study.arms import Arm


@dataclass(frozen=True, slots=True)
class Run:
    """One finished training: which, and how it went."""

    arm: Arm
    rate: float
    repeat: int
    course: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """All repetitions of an arm, at the rate that served it best."""

    arm: Arm
    rate: float
    runs: tuple[Run, ...]

    @property
    def trained(self) -> int:
        """Count the trained weights."""
        return int(self.runs[0].course["trained"])

    @property
    def steps(self) -> tuple[int, ...]:
        """Say when it was looked at."""
        return tuple(self.runs[0].course["steps"])

    def has(self, measure: str) -> bool:
        """Say whether something was measured: a LoRA has no routing."""
        return bool(self.runs[0].course[measure])

    def last(self, measure: str) -> list[float]:
        """Give the last value of each repetition."""
        return [run.course[measure][-1] for run in self.runs]

    def over_steps(self, measure: str) -> list[list[float]]:
        """Give the values of all repetitions at each look."""
        return [list(values) for values in zip(*(run.course[measure] for run in self.runs), strict=True)]


def best(runs: Sequence[Run]) -> list[Result]:
    """Give each arm at the rate with the most right names on average; of equal ones, the rate named first."""
    by_arm: dict[tuple[str, int], dict[float, list[Run]]] = {}
    for run in runs:
        by_arm.setdefault((run.arm.name, run.arm.dialects), {}).setdefault(run.rate, []).append(run)
    found = []
    for by_rate in by_arm.values():
        results = [Result(same[0].arm, rate, tuple(same)) for rate, same in by_rate.items()]
        found.append(max(results, key=lambda each: fmean(each.last("right"))))
    return found


def difference(one: Result, other: Result, measure: str) -> tuple[float, float]:
    """Give the mean difference of repetitions with the same dialects, and its standard error."""
    gaps = [a - b for a, b in zip(one.last(measure), other.last(measure), strict=True)]
    return fmean(gaps), stdev(gaps) / sqrt(len(gaps))
