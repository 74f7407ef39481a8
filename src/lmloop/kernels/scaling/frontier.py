"""What a fit foretells: the loss of a run, and the best way to spend compute; each with an interval."""

from dataclasses import dataclass

import numpy as np

from lmloop.kernels.scaling.fit import Fit
from lmloop.kernels.scaling.law import Chinchilla
from lmloop.kernels.scaling.points import FLOPS_EACH, Floats, Points

LEVEL = 0.95
"""All intervals hold this share of the draws."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the interval around it, each a number or an array."""

    value: Floats
    low: Floats
    high: Floats


def interval(draws: Floats, value: Floats) -> Interval:
    """Give the middle 95 % of the draws [draws, ...] around a value [...]."""
    low, high = np.percentile(draws, [50 - 50 * LEVEL, 50 + 50 * LEVEL], axis=0)
    return Interval(np.asarray(value), np.asarray(low), np.asarray(high))


def predict(found: Fit, draws: Floats, points: Points, at: Points) -> tuple[Interval, Interval]:
    """Predict the loss of runs: the interval of the law, and the wider one in which a new run should land.

    The second adds the scatter of the runs that were fitted, as large as it was.
    """
    value = found.predict(at)
    logs = found.law.log_loss(draws, at)[0]
    scatter = np.resize(np.sort(found.residuals(points)), len(points))
    # every draw meets a few quantiles of the scatter: no random numbers, and no fewer tails
    tails = np.quantile(scatter, (np.arange(16) + 0.5) / 16)
    new = np.exp(logs[:, None, :] + tails[None, :, None]).reshape(-1, len(at))
    return interval(np.exp(logs), value), interval(new, value)


def best_params(law: Chinchilla, theta: Floats, flops: Floats) -> Floats:
    """Give the parameters that spend FLOPs C = 6ND best: [..., C] for ``theta`` [..., P] and ``flops`` [C].

    N = G (C / 6)^a with a = beta / (alpha + beta) and G = (alpha A / (beta B))^(1 / (alpha + beta)) (Hoffmann et al.
    2022, equation 4).
    """
    place = law.places()
    a, b, alpha, beta = (theta[..., place[name].start, None] for name in ("A", "B", "alpha", "beta"))
    # sizes relative to the centre: N D = C / 6 holds for them with C relative to it, too
    compute = np.log(flops / FLOPS_EACH) - sum(law.centre)
    log_n = (np.log(alpha / beta) + a - b + beta * compute) / (alpha + beta)
    return np.exp(np.asarray(log_n + law.centre[0]))


@dataclass(frozen=True, slots=True)
class Frontier:
    """The compute-optimal frontier: at each FLOPs the best N, the D that goes with it, and the loss there."""

    flops: Floats
    params: Interval
    tokens: Interval
    loss: Interval


def frontier(found: Fit, draws: Floats, flops: Floats) -> Frontier:
    """Follow the frontier of a fitted :class:`Chinchilla` law over some FLOPs."""
    law = found.law
    assert isinstance(law, Chinchilla)

    def along(theta: Floats) -> tuple[Floats, Floats, Floats]:
        n = best_params(law, theta, flops)
        d = flops / FLOPS_EACH / n
        place = law.places()
        e, a, b, alpha, beta = (theta[..., place[name].start, None] for name in ("E", "A", "B", "alpha", "beta"))
        by_n = np.exp(a - alpha * (np.log(n) - law.centre[0]))
        by_d = np.exp(b - beta * (np.log(d) - law.centre[1]))
        return n, d, np.exp(e) + by_n + by_d

    values, spread = along(found.theta), along(draws)
    n, d, loss = (interval(each, value) for each, value in zip(spread, values, strict=True))
    return Frontier(flops, n, d, loss)
