"""Whether runs can tell the exponents at all, and which further run would tell most.

A fit always gives numbers. Six sizes trained on one amount of data give them, too, and they mean nothing: E and
B / D^beta cannot be told apart. What shows it: the condition number of the Jacobian (its columns scaled to one length;
Belsley, Kuh and Welsch 1980, chapter 3, call 30 and more harmful), the correlation of alpha and beta over the
bootstrap, and the width of the interval of the exponent beta / (alpha + beta).
"""

from dataclasses import dataclass

import numpy as np

from lmloop.kernels.scaling.fit import Fit
from lmloop.kernels.scaling.frontier import interval
from lmloop.kernels.scaling.law import Chinchilla
from lmloop.kernels.scaling.points import FLOPS_EACH, Floats, Points

WIDEST = 0.2
"""The widest interval of the exponent with which a best size is still told."""
WORST_CONDITION = 1e6
PRIOR = {"E": 1.0, "A": 2.0, "B": 2.0, "alpha": 0.5, "beta": 0.5}
"""How far each parameter may be off before any run is seen (standard deviations; of E, A and B in logs)."""
LEAST_SCATTER = 1e-3
CONSULTED = 30
"""So many draws are asked which run would help."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well the exponents are known: the condition number, the correlation, the interval's width, and why not."""

    condition: float
    correlation: float
    width: float
    against: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether a best size may be told."""
        return not self.against


@dataclass(frozen=True, slots=True)
class NextRun:
    """A run that would help: its size, its data, its FLOPs, and how wide the exponent's interval should be then."""

    params: float
    tokens: float
    flops: float
    width: float


def judge(found: Fit, draws: Floats, points: Points) -> Verdict:
    """Say how well the runs tell the exponents."""
    natural = found.law.natural(draws)
    spread = interval(natural["exponent"], np.asarray(found.values["exponent"]))
    width = float(spread.high - spread.low)
    condition = condition_number(found, points)
    against = []
    if width > WIDEST:
        against.append(f"the 95 % interval of the exponent, {spread.low:.2f} to {spread.high:.2f}, is wider than .2")
    if condition > WORST_CONDITION:
        against.append(f"the Jacobian is singular (condition number {condition:.1g}): some parameters undo each other")
    for name, size in (("N", points.params), ("D", points.tokens)):
        if size.max() / size.min() < 1.05:
            against.append(f"all runs have the same {name}")
    return Verdict(condition, _correlation(natural["alpha"], natural["beta"]), width, tuple(against))


def condition_number(found: Fit, points: Points) -> float:
    """Give the condition number of the Jacobian with columns of one length."""
    jacobian = found.law.log_loss(found.theta, points)[1]
    scaled = jacobian / np.maximum(np.linalg.norm(jacobian, axis=0), 1e-300)
    values = np.linalg.svd(scaled, compute_uv=False)
    return float(values[0] / max(values[-1], 1e-16))


def next_runs(found: Fit, draws: Floats, points: Points, most_flops: float, count: int = 1) -> list[NextRun]:
    """Choose the runs, of at most so many FLOPs each, that would tell most about the exponent, one after another.

    D_s-optimal (Atkinson, Donev and Tobias 2007, section 10.3) for one quantity, beta / (alpha + beta): each makes its
    variance as small as it can. The variance is that of the linearised fit with a wide prior, so that runs which tell
    nothing about a parameter still have an answer, and its mean is taken over some draws, because one fit that
    means nothing is no ground to advise from.
    """
    law = found.law
    assert isinstance(law, Chinchilla)
    scatter = max(1.4826 * float(np.median(np.abs(found.residuals(points)))), LEAST_SCATTER)
    thetas = np.concatenate([found.theta[None], draws[:: max(1, len(draws) // CONSULTED)]])
    prior = np.diag([1 / PRIOR[name.partition("[")[0]] ** 2 for name in law.names])
    known = law.log_loss(thetas, points)[1] / scatter
    information = np.swapaxes(known, -1, -2) @ known + prior
    candidates = _candidates(points, most_flops)
    reach = law.log_loss(thetas, candidates)[1] / scatter
    chosen = []
    for _ in range(count if len(candidates) else 0):
        variance = _variances(law, thetas, information, reach)
        best = int(np.argmin(variance.mean(axis=0)))
        gained = reach[:, best]
        information = information + gained[:, :, None] * gained[:, None, :]
        width = 2 * 1.96 * float(np.sqrt(np.median(variance[:, best])))
        n, d, c = (float(column[best]) for column in (candidates.params, candidates.tokens, candidates.flops))
        chosen.append(NextRun(n, d, c, width))
    return chosen


def _variances(law: Chinchilla, thetas: Floats, information: Floats, reach: Floats) -> Floats:
    """Give the variance of beta / (alpha + beta) under each theta [S, P] with each further run [S, C, P]: [S, C].

    One run changes the inverse of the information by a matrix of rank one (Sherman and Morrison).
    """
    alpha, beta = (thetas[:, law.names.index(name)] for name in ("alpha", "beta"))
    slope = np.zeros_like(thetas)
    slope[:, law.names.index("alpha")] = -beta / (alpha + beta) ** 2
    slope[:, law.names.index("beta")] = alpha / (alpha + beta) ** 2
    inverse = np.linalg.inv(information)
    before = np.einsum("si,sij,sj->s", slope, inverse, slope)
    along = np.einsum("sci,sij,sj->sc", reach, inverse, slope)
    across = np.einsum("sci,sij,scj->sc", reach, inverse, reach)
    return np.asarray(before[:, None] - along**2 / (1 + across), dtype=np.float64)


def _candidates(points: Points, most_flops: float) -> Points:
    """List runs on a grid that reaches three times beyond the largest at hand, as far as the FLOPs allow.

    None is smaller than the smallest: laws end somewhere below, and a fit does not know where.
    """
    sides = [np.geomspace(side.min(), side.max() * 3, 25) for side in (points.params, points.tokens)]
    n, d = (side.ravel() for side in np.meshgrid(*sides))
    keep = FLOPS_EACH * n * d <= most_flops
    return Points.of(n[keep], d[keep], np.ones(int(keep.sum())))


def _correlation(left: Floats, right: Floats) -> float:
    if left.std() == 0 or right.std() == 0:
        return float("nan")
    return float(np.corrcoef(left, right)[0, 1])
