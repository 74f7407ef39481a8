"""The fit: Huber loss on log residuals, summed, from many starts by L-BFGS-B with the exact gradient.

As in Hoffmann et al. 2022 (appendix D.3) with delta 1e-3, but the SUM of the losses and not their mean: with the mean
the optimizer's tolerance is met long before the optimum (Besiroglu et al. 2024, "Chinchilla Scaling: A replication
attempt", who followed the published fit to that cause). The sum is multiplied by 1,000 for the same reason.
"""

from dataclasses import dataclass

import numpy as np

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.kernels.scaling.law import Law
from lmloop.kernels.scaling.points import Floats, Points
from lmloop.kernels.scaling.single import one_thread

DELTA = 1e-3
SCALE = 1e3
OPTIONS = {"maxiter": 300, "maxfun": 400, "ftol": 1e-10, "gtol": 1e-6, "maxcor": 20}
SAME = 1e-3
"""Starts agree when their objectives differ by less than this share."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted law: its parameters, the objective there, and how many of the starts came to it."""

    law: Law
    theta: Floats
    objective: float
    starts: int
    agreeing: int

    @property
    def values(self) -> dict[str, float]:
        """The parameters as papers print them."""
        return {name: float(value) for name, value in self.law.natural(self.theta).items()}

    def predict(self, points: Points) -> Floats:
        """Predict the loss of runs: [n]."""
        return np.exp(self.law.log_loss(self.theta, points)[0])

    def residuals(self, points: Points) -> Floats:
        """Give log loss minus its prediction: [n]; 0.01 is one percent."""
        return points.log_loss - self.law.log_loss(self.theta, points)[0]


def fit(law: Law, points: Points, starts: Floats | None = None) -> Fit:
    """Fit a law to runs, from the law's own starts or from those given [starts, P].

    Raises:
        DataError: there are fewer runs than parameters.
    """
    if len(points) < len(law.names):
        told = f"{len(points)} runs are too few for the {len(law.names)} parameters {', '.join(law.names)}"
        raise DataError(told, hint="give more runs, of several sizes and on several amounts of data")
    starts = law.starts(points) if starts is None else starts
    low, high = law.bounds(points)
    minimize = need("scipy.optimize", "train").minimize
    how = {"jac": True, "method": "L-BFGS-B", "bounds": list(zip(low, high, strict=True)), "options": OPTIONS}
    with one_thread():
        found = [minimize(objective, start, args=(law, points), **how) for start in np.clip(starts, low, high)]
    best = min(found, key=lambda result: float(result.fun))
    agreeing = sum(float(result.fun) <= float(best.fun) * (1 + SAME) + 1e-9 for result in found)
    return Fit(law, np.asarray(best.x), float(best.fun), len(found), agreeing)


def objective(theta: Floats, law: Law, points: Points) -> tuple[float, Floats]:
    """Give 1,000 times the summed Huber loss of the log residuals, and its gradient [P]."""
    log_loss, jacobian = law.log_loss(theta, points)
    residual = points.log_loss - log_loss
    clipped = np.clip(residual, -DELTA, DELTA)
    return SCALE * float(huber(residual).sum()), -SCALE * (clipped @ jacobian)


def huber(residual: Floats) -> Floats:
    """Give the Huber loss: half the square up to delta, straight beyond."""
    size = np.abs(residual)
    return np.where(size <= DELTA, 0.5 * size * size, DELTA * (size - 0.5 * DELTA))
