"""What a scaling fit costs: 240 runs, 32 starts, 500 bootstraps, in processor seconds of one core.

    python benchmarks/scale.py          # the figures of docs/figures.md
    python benchmarks/scale.py --grid   # the 4,500 starts of the published fit, too (minutes)

The runs are drawn from the law published for Chinchilla's runs, with noise. The bootstrap is compared with one L-BFGS-B
after another from the optimum, on the same draws.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lmloop.kernels.scaling.fit import fit, objective
from lmloop.kernels.scaling.frontier import interval, predict
from lmloop.kernels.scaling.law import Chinchilla
from lmloop.kernels.scaling.points import FLOPS_EACH, Points
from lmloop.kernels.scaling.resample import bootstrap, resampled

RUNS, DRAWS, SINGLE = 240, 500, 50


def table() -> Points:
    """Draw runs around the best sizes of budgets from 3e18 to 6e21 FLOPs."""
    chance = np.random.default_rng(0)
    flops = 10 ** chance.uniform(18.5, 21.8, RUNS)
    n = np.sqrt(flops / 120) * 10 ** chance.uniform(-0.6, 0.6, RUNS)
    d = flops / FLOPS_EACH / n
    loss = 1.8172 + 482.01 / n**0.3478 + 2085.43 / d**0.3658
    return Points.of(n, d, loss * np.exp(0.003 * chance.standard_t(3, RUNS)))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Give the processor seconds of some work, and what it gives."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def coverage(tables: int, side: int, scatter: float = 0.005) -> None:
    """Count how often intervals hold what was planted: parameters, and the loss of a run ten times as large."""
    sizes, data = np.meshgrid(np.geomspace(1e7, 1e9, side), np.geomspace(1e9, 1e11, side))
    n, d = np.append(sizes.ravel(), 1e10), np.append(data.ravel(), 1e12)
    truth = {"E": 1.8172, "A": 482.0, "B": 2085.0, "alpha": 0.3478, "beta": 0.3658, "exponent": 0.3658 / 0.7136}
    clean = 1.8172 + 482.0 / n**0.3478 + 2085.0 / d**0.3658
    held = dict.fromkeys([*truth, "ten times: the law", "ten times: a run"], 0)
    for number in range(tables):
        noisy = clean * np.exp(np.random.default_rng(number).normal(0.0, scatter, len(n)))
        points = Points.of(n[:-1], d[:-1], noisy[:-1])
        found = fit(Chinchilla.over(points), points)
        draws = bootstrap(found, points, 200, number)
        ends = {name: interval(values, values[0]) for name, values in found.law.natural(draws).items()}
        told = predict(found, draws, points, Points.of(n[-1:], d[-1:], clean[-1:]))
        ends |= dict(zip(list(held)[-2:], told, strict=True))
        for name, value in {**truth, "ten times: the law": clean[-1], "ten times: a run": noisy[-1]}.items():
            held[name] += bool(np.all(ends[name].low <= value) and np.all(value <= ends[name].high))
    print(f"{tables} tables of {side * side} runs, losses scattered by {scatter:.1%}: intervals of 95 % that hold it")
    print("  " + "  ".join(f"{name} {count}" for name, count in held.items()))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", action="store_true", help="try the 4,500 published starts, too")
    parser.add_argument(
        "--coverage", type=int, help="only count in how many of so many tables intervals hold the truth"
    )
    arguments = parser.parse_args()
    if arguments.coverage:
        coverage(arguments.coverage, 6)
        return
    points = table()
    law = Chinchilla.over(points)
    fit(law, points, law.starts(points)[:1])  # what is imported on first use is no part of a fit
    seconds, found = timed(lambda: fit(law, points))
    print(f"fit, {RUNS} runs, {found.starts} starts: {seconds:.2f} CPU s, {found.agreeing} agree")
    print("  planted E 1.8172 A 482.0 B 2085 alpha .3478 beta .3658")
    print("  found   " + " ".join(f"{name} {value:.4g}" for name, value in found.values.items()))
    seconds, _ = timed(lambda: bootstrap(found, points, DRAWS, 0))
    print(f"bootstrap, {DRAWS} draws from five starts each: {seconds:.2f} CPU s")
    weights = resampled(points, DRAWS, 0)[:SINGLE].astype(int)
    tables = [points.where(np.repeat(np.arange(RUNS), row)) for row in weights]
    seconds, singles = timed(lambda: [fit(law, each, found.theta[None]) for each in tables])
    print(f"  one L-BFGS-B a draw, from the optimum alone: {seconds * DRAWS / SINGLE:.2f} CPU s for {DRAWS}")
    ours = bootstrap(found, points, DRAWS, 0)[:SINGLE]
    excess = [
        objective(theta, law, each)[0] / single.objective - 1
        for theta, each, single in zip(ours, tables, singles, strict=True)
    ]
    print(f"  its objective above theirs, at worst: {max(excess):.1e}")
    if arguments.grid:
        sides = (np.arange(-1, 1.1, 0.5), np.arange(0, 26, 5), np.arange(0, 26, 5), *[np.arange(0, 2.1, 0.5)] * 2)
        e, a, b, alpha, beta = np.array(list(itertools.product(*sides))).T
        starts = np.stack([e, a - alpha * law.centre[0], b - beta * law.centre[1], alpha, beta], axis=1)
        seconds, best = timed(lambda: fit(law, points, starts))
        print(f"{len(starts)} starts: {seconds:.1f} CPU s, objective {best.objective:.6g} (ours {found.objective:.6g})")


if __name__ == "__main__":
    main()
