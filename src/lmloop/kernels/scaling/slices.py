"""Chinchilla's approaches 1 and 2: where the best size lies at a fixed budget, read off the runs without a law.

Hoffmann et al. 2022, sections 3.1 and 3.2. Both end in a straight line, log N_opt = intercept + exponent log C.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lmloop.kernels.scaling.points import Floats, Ints, Points
from lmloop.kernels.scaling.single import one_thread

SAME_SIZE = 0.02
"""Runs whose parameters differ by less than this share are of one size."""
SAME_BUDGET = 0.12
"""Runs whose FLOPs differ by less than this share are of one budget."""
PLACES = 60


@dataclass(frozen=True, slots=True)
class Slices:
    """The best sizes found: FLOPs, parameters and loss of each, and what was left out, with a reason each."""

    flops: Floats
    params: Floats
    loss: Floats
    left_out: tuple[str, ...] = ()

    @property
    def line(self) -> tuple[float, float] | None:
        """The exponent and the intercept of log N over log C; None with fewer than two budgets."""
        if len(np.unique(self.flops)) < 2:
            return None
        slope, intercept = np.polyfit(np.log(self.flops), np.log(self.params), 1)
        return float(slope), float(intercept)


@dataclass(frozen=True, slots=True)
class Budget:
    """The runs of one budget, and the parabola of their loss over log N - ``middle``: bend, slope and height."""

    flops: float
    runs: Points
    middle: float
    parabola: tuple[float, float, float]

    def loss(self, params: Floats) -> Floats:
        """Give the parabola's loss for some sizes."""
        return np.asarray(np.polyval(self.parabola, np.log(params) - self.middle))

    @property
    def best(self) -> float:
        """The size at which the parabola is lowest, if it opens upwards."""
        bend, slope, _ = self.parabola
        return float(np.exp(self.middle - slope / (2 * bend)))

    @property
    def why(self) -> str:
        """Why no best size can be read off it; empty if one can."""
        if not self.parabola[0] > 0:
            return "the losses bend downwards"
        if not self.runs.params.min() <= self.best <= self.runs.params.max():
            return "the minimum lies outside of the sizes that were run"
        return ""


def clusters(values: Floats, share: float) -> Ints:
    """Number values by cluster: a new one begins where a value is more than ``share`` above the first of the last."""
    order = np.argsort(values, kind="stable")
    number, first = np.empty(len(values), dtype=np.int64), None
    count = -1
    for place in order:
        if first is None or values[place] > first * (1 + share):
            count, first = count + 1, values[place]
        number[place] = count
    return number


def envelope(points: Points) -> Slices:
    """Approach 1: at each of many FLOPs, the size whose curve (loss over compute) lies lowest.

    A curve is the runs of one size, joined by straight lines in logs. A place counts where at least three curves
    reach it and the lowest is neither of the smallest nor of the largest of them.
    """
    curves = list(_curves(points))
    if len(curves) < 3:
        told = f"{len(curves)} sizes have two runs or more; three are needed"
        return Slices(*(np.empty(0),) * 3, left_out=(told,))
    low, high = min(c[0][0] for c in curves), max(c[0][-1] for c in curves)
    found, edge = [], 0
    for place in np.linspace(low, high, PLACES):
        here = [(np.interp(place, x, y), n) for x, y, n in curves if x[0] <= place <= x[-1]]
        if len(here) < 3:
            continue
        loss, n = min(here)
        sizes = [size for _, size in here]
        if min(sizes) < n < max(sizes):
            found.append((np.exp(place), n, np.exp(loss)))
        else:
            edge += 1
    reasons = [f"{edge} of {PLACES} places: the best size is the smallest or the largest there"] if edge else []
    if not found:
        reasons.append("no place has three curves with the lowest between the others")
    columns = np.array(found).reshape(-1, 3).T
    return Slices(columns[0], columns[1], columns[2], tuple(reasons))


def parabolas(points: Points) -> Slices:
    """Approach 2: at each budget, the minimum of a parabola through the loss over log N.

    A budget counts if it has three sizes or more, its parabola opens upwards, and its minimum lies among its runs.
    """
    found, told = [], []
    for budget in budgets(points):
        if budget.why:
            told.append(f"{budget.flops:.2g} FLOPs: {budget.why}")
        else:
            found.append((budget.flops, budget.best, float(budget.loss(np.array(budget.best)))))
    if not found and not told:
        told.append("no budget has runs of three sizes")
    columns = np.array(found).reshape(-1, 3).T
    return Slices(columns[0], columns[1], columns[2], tuple(told))


def budgets(points: Points) -> Iterator[Budget]:
    """Give each budget that has three sizes or more, the smallest first."""
    numbers = clusters(points.flops, SAME_BUDGET)
    for number in range(int(numbers.max(initial=-1)) + 1):
        mine = points.where(numbers == number)
        if len(np.unique(clusters(mine.params, SAME_SIZE))) < 3:
            continue
        middle = float(mine.log_params.mean())
        bend, slope, height = (float(each) for each in np.polyfit(mine.log_params - middle, mine.loss, 2))
        yield Budget(float(np.exp(mine.log_flops.mean())), mine, middle, (bend, slope, height))


def slopes(points: Points, approach: str, draws: int, seed: int) -> Floats:
    """Bootstrap the exponent: over sizes for approach 1, over the runs of each budget for approach 2: [<= draws]."""
    with one_thread():
        return _slopes(points, approach, draws, np.random.default_rng(seed))


def _slopes(points: Points, approach: str, draws: int, rng: np.random.Generator) -> Floats:
    read = envelope if approach == "1" else parabolas
    units = clusters(points.params, SAME_SIZE) if approach == "1" else clusters(points.flops, SAME_BUDGET)
    members = [np.nonzero(units == number)[0] for number in range(int(units.max(initial=-1)) + 1)]
    found = []
    for _ in range(draws):
        if approach == "1":
            drawn = [members[number] for number in np.unique(rng.integers(len(members), size=len(members)))]
        else:
            drawn = [rng.choice(each, len(each)) for each in members]
        line = read(points.where(np.concatenate(drawn))).line
        if line is not None:
            found.append(line[0])
    return np.array(found)


def _curves(points: Points) -> Iterator[tuple[Floats, Floats, float]]:
    """Give log FLOPs (rising), log loss and the size of each size that has two runs or more."""
    sizes = clusters(points.params, SAME_SIZE)
    for number in range(int(sizes.max(initial=-1)) + 1):
        mine = points.where(sizes == number)
        if len(mine) > 1:
            order = np.argsort(mine.flops, kind="stable")
            yield mine.log_flops[order], mine.log_loss[order], float(np.exp(mine.log_params.mean()))
