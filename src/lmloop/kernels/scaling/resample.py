"""Bootstrap: the same fit to runs drawn again and again with replacement, all draws at once.

Each draw is a weight for each run. The weighted Huber objective of every draw is brought down together by iteratively
reweighted Gauss-Newton steps (Huber's own algorithm, with Marquardt's damping), from the optimum of the whole table:
several times as fast as one L-BFGS-B after another, to the same optimum (``benchmarks/scale.py``).
"""

import numpy as np

from lmloop.kernels.scaling.fit import DELTA, Fit, huber
from lmloop.kernels.scaling.law import Law
from lmloop.kernels.scaling.points import Floats, Points
from lmloop.kernels.scaling.single import one_thread

TOGETHER = 64
"""So many draws are worked on at once: their Jacobians stay in the processor's cache."""
STEPS = 120
ENOUGH = 1e-6
ELSEWHERE = [0, 11, 22, 28]
"""Which of a law's 32 starts are tried beside the optimum: they differ in every parameter."""


def bootstrap(found: Fit, points: Points, draws: int, seed: int) -> Floats:
    """Refit to ``draws`` resampled tables: [draws, P]. Each group is resampled by itself.

    Each draw starts from the optimum of the whole table and from four places far apart, and keeps the best: where
    the exponents are not known, draws have optima far from it, and an interval that misses them is far too narrow.
    """
    weights = resampled(points, draws, seed)
    first = np.concatenate([found.theta[None], found.law.starts(points)[ELSEWHERE]])
    with one_thread():
        parts = [_best(found, points, weights[at : at + TOGETHER], first) for at in range(0, draws, TOGETHER)]
    return np.concatenate(parts) if parts else np.empty((0, len(found.theta)))


def _best(found: Fit, points: Points, weights: Floats, starts: Floats) -> Floats:
    """Refit from every start, and keep each draw's best."""
    ends = np.stack([refit(found.law, points, weights, start) for start in starts])
    values = np.stack([_value(found.law, points, weights, end) for end in ends])
    best: Floats = ends[values.argmin(axis=0), np.arange(len(weights))]
    return best


def _value(law: Law, points: Points, weights: Floats, theta: Floats) -> Floats:
    return np.asarray((weights * huber(points.log_loss - law.log_loss(theta, points)[0])).sum(axis=-1))


def resampled(points: Points, draws: int, seed: int) -> Floats:
    """Count how often each run is drawn: [draws, n]."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((draws, len(points)))
    for number in np.unique(points.group):
        (members,) = np.nonzero(points.group == number)
        weights[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=draws)
    return weights


def refit(law: Law, points: Points, weights: Floats, start: Floats) -> Floats:
    """Bring the weighted objective of each row of ``weights`` [B, n] down from one start [P]: [B, P]."""
    low, high = law.bounds(points)
    theta = np.repeat(np.clip(start, low, high)[None], len(weights), axis=0)
    y = points.log_loss
    damping = np.full(len(weights), 1e-3)
    active = np.arange(len(weights))
    for _ in range(STEPS):
        if not len(active):
            break
        here, w = theta[active], weights[active]
        log_loss, jacobian = law.log_loss(here, points)
        residual = y - log_loss
        value = (w * huber(residual)).sum(axis=-1)
        step = _step(jacobian, residual, w, damping[active])
        there = np.clip(here + step, low, high)
        after = _value(law, points, w, there)
        better = after < value
        theta[active[better]] = there[better]
        damping[active] = np.where(better, damping[active] / 5, damping[active] * 4)
        gained = np.where(better, (value - after) / np.maximum(value, 1e-300), np.inf)
        done = (gained < ENOUGH) | (damping[active] > 1e8)
        active = active[~done]
    return theta


def _step(jacobian: Floats, residual: Floats, weights: Floats, damping: Floats) -> Floats:
    """Give the damped Gauss-Newton step of each draw: [B, P]."""
    weight = weights * np.minimum(1.0, DELTA / np.maximum(np.abs(residual), 1e-300))
    weighted = jacobian * weight[..., None]
    square = np.swapaxes(weighted, -1, -2) @ jacobian
    slope = np.swapaxes(weighted, -1, -2) @ residual[..., None]
    diagonal = np.einsum("bii->bi", square)
    diagonal += damping[:, None] * diagonal + 1e-12 * diagonal.max(axis=-1, keepdims=True) + 1e-300
    return np.asarray(np.linalg.solve(square, slope)[..., 0], dtype=np.float64)
