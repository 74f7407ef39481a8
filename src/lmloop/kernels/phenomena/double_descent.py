"""Double descent: a model just large enough to know its training set by heart is the worst of all sizes.

Random features (Rahimi and Recht 2007): inputs go through a fixed random layer, and only the weights behind it are
fitted, by least squares; of all exact fits the shortest is taken. The test error falls, rises to a peak where there are
as many features as training points, and falls again (Belkin et al. 2019, "Reconciling modern machine-learning
practice and the classical bias-variance trade-off"; Hastie et al. 2022, "Surprises in high-dimensional ridgeless least
squares interpolation"). A ridge takes the peak away.
"""

from dataclasses import dataclass

import numpy as np

from lmloop.kernels.scaling.points import Floats, Ints


@dataclass(frozen=True, slots=True)
class Features:
    """What is fitted: points to train on and to test on, their inputs, the noise on the answers, repetitions."""

    points: int = 100
    inputs: int = 20
    noise: float = 0.3
    repeats: int = 10
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Errors:
    """Mean squared errors of each width, middle of the repetitions, with their quartiles for the test."""

    widths: Ints
    train: Floats
    test: Floats
    low: Floats
    high: Floats


def sweep(features: Features, widths: Ints, ridge: float) -> Errors:
    """Fit every width in every repetition. ``ridge`` 0 takes the shortest exact fit."""
    train, test = np.empty((features.repeats, len(widths))), np.empty((features.repeats, len(widths)))
    for repeat in range(features.repeats):
        chance = np.random.default_rng([features.seed, repeat])
        truth = chance.normal(size=features.inputs) / np.sqrt(features.inputs)
        sides = []
        for count in (features.points, 1000):
            x = chance.normal(size=(count, features.inputs))
            sides.append((x, x @ truth + features.noise * chance.normal(size=count)))
        layer = chance.normal(size=(features.inputs, int(widths.max()))) / np.sqrt(features.inputs)
        for place, width in enumerate(widths):
            first, second = (np.maximum(x @ layer[:, :width], 0) / np.sqrt(width) for x, _ in sides)
            weights = _fit(first, sides[0][1], ridge)
            train[repeat, place] = np.mean((first @ weights - sides[0][1]) ** 2)
            test[repeat, place] = np.mean((second @ weights - sides[1][1]) ** 2)
    low, middle, high = np.percentile(test, [25, 50, 75], axis=0)
    return Errors(widths, np.median(train, axis=0), middle, low, high)


def _fit(x: Floats, y: Floats, ridge: float) -> Floats:
    """Give the least-squares weights: the shortest ones, or with a ridge."""
    if not ridge:
        return np.asarray(np.linalg.lstsq(x, y, rcond=1e-10)[0], dtype=np.float64)
    return np.asarray(np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y), dtype=np.float64)
