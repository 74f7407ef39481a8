"""How often does an interval of 95 % hold the truth: Student's, and Wilson's of an effective number of items?

``python benchmarks/intervals.py [--rounds N]``: scores are drawn from laws whose mean is known, and both intervals are
made of each draw. A good one holds the mean in 95 of 100 draws, and stays between 0 and 1.
"""

import argparse
import sys
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lmloop.scoring.distributions import student_quantile
from lmloop.scoring.means import mean_of

Draw: TypeAlias = tuple[npt.NDArray[np.float64], list[str] | None]
SIZES = (8, 20, 100)
TOGETHER, ALIKE = 4, 0.3


def grades(chance: np.random.Generator, size: int) -> Draw:
    """Draw grades such as an F1 of good replies: mostly near 1."""
    return chance.beta(9.5, 0.5, size), None


def seldom(chance: np.random.Generator, size: int) -> Draw:
    """Draw grades of which nine in ten are 0."""
    return chance.beta(5, 2, size) * (chance.random(size) < 0.1), None


def together(share: float) -> Callable[[np.random.Generator, int], Draw]:
    """Draw right and wrong of which four share a passage, and are alike."""

    def draw(chance: np.random.Generator, size: int) -> Draw:
        count = size // TOGETHER
        spread = 1 / ALIKE - 1
        shares = chance.beta(share * spread, (1 - share) * spread, count)
        right = chance.random((count, TOGETHER)) < shares[:, None]
        return right.astype(float).ravel(), [str(number) for number in range(count) for _ in range(TOGETHER)]

    return draw


LAWS = {
    "near 1": (grades, 0.95),
    "mostly 0": (seldom, 0.1 * 5 / 7),
    "in fours, half right": (together(0.5), 0.5),
    "in fours, 9 of 10 right": (together(0.9), 0.9),
    "in fours, 98 of 100 right": (together(0.98), 0.98),
}


def main() -> None:
    """Draw, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    rounds = parser.parse_args().rounds
    print(f"{'law':26} {'items':>5}  {'Student':>8} {'outside':>8} {'width':>6}  {'Wilson':>8} {'width':>6}")
    for name, (draw, truth) in LAWS.items():
        for size in SIZES:
            chance, found = np.random.default_rng(0), np.zeros(5)
            for _ in range(rounds):
                values, clusters = draw(chance, size)
                own = mean_of(values.tolist(), clusters, bounds=(0.0, 1.0))
                reach = student_quantile(0.95, own.clusters - 1) * (own.se or 0.0)
                low, high = own.mean - reach, own.mean + reach
                found += (low <= truth <= high, low < 0 or high > 1, high - low, own.low <= truth <= own.high, 0)
                found[4] += own.high - own.low
            held, out, wide, mine, width = found / rounds
            print(f"{name:26} {size:5}  {held:8.2f} {out:8.2f} {wide:6.2f}  {mine:8.2f} {width:6.2f}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
