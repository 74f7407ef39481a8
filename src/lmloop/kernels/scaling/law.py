"""Laws of the loss: what each predicts for a run, and how that changes with each of its parameters.

Every law works on logarithms and over any number of parameter vectors at once: ``theta`` is [..., P], the predicted
log loss is [..., n] and its Jacobian [..., n, P]. Sizes are taken relative to their geometric mean (``centre``), which
leaves the law the same and makes the parameters far less entangled.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

import numpy as np

from lmloop.kernels.scaling.points import Floats, Points

EXPONENTS = (0.01, 3.0)
"""Exponents are looked for between these."""


class Law(Protocol):
    """A law with free parameters."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the parameters are called, in the order of ``theta``."""
        ...

    def log_loss(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Predict log loss [..., n], with its Jacobian [..., n, P]."""
        ...

    def starts(self, points: Points) -> Floats:
        """Give places to start a search from: [starts, P]."""
        ...

    def bounds(self, points: Points) -> tuple[Floats, Floats]:
        """Give the lowest and the highest value of each parameter."""
        ...

    def natural(self, theta: Floats) -> dict[str, Floats]:
        """Give the parameters as papers print them, each [...]."""
        ...


@dataclass(frozen=True, slots=True)
class Chinchilla:
    """L = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, section 3.3, "approach 3").

    With ``groups``, those of E, A and B that are named in ``own`` are each group's own and the rest is shared: the
    form in which data sets or optimizers are compared. ``theta`` holds log E, log A and log B (one or one a group;
    A and B at the centre of the sizes), alpha, beta.
    """

    centre: tuple[float, float]
    groups: int = 1
    own: str = ""

    @classmethod
    def over(cls, points: Points, own: str = "") -> "Chinchilla":
        """Make the law for runs."""
        centre = (float(points.log_params.mean()), float(points.log_tokens.mean()))
        return cls(centre, len(points.groups) if own else 1, own)

    def places(self) -> dict[str, slice]:
        """Say where E, A, B, alpha and beta lie in ``theta``."""
        found, at = {}, 0
        for name in ("E", "A", "B", "alpha", "beta"):
            size = self.groups if name in self.own else 1
            found[name] = slice(at, at + size)
            at += size
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """What the parameters are called."""
        found: list[str] = []
        for name, place in self.places().items():
            size = place.stop - place.start
            found += [name] if size == 1 else [f"{name}[{number}]" for number in range(size)]
        return tuple(found)

    def log_loss(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Predict log loss and its Jacobian."""
        n, d = points.log_params - self.centre[0], points.log_tokens - self.centre[1]
        place = self.places()
        own = [self._own(name, points) for name in "EAB"]
        e, a, b = (theta[..., place[name]] @ mine.T for name, mine in zip("EAB", own, strict=True))
        alpha, beta = theta[..., place["alpha"]], theta[..., place["beta"]]
        log_loss, share = _log_sum_exp(e, a - alpha * n, b - beta * d)
        columns = [part[..., None] * mine for part, mine in zip(share, own, strict=True)]
        slopes = (-n * share[1])[..., None], (-d * share[2])[..., None]
        return log_loss, np.concatenate([*columns, *slopes], axis=-1)

    def starts(self, points: Points) -> Floats:
        """Give 32 starts: E at four shares of the lowest loss, two exponents for each of N and D, two splits."""
        lowest, middle = points.loss.min(), np.median(points.loss)
        found = []
        for share, alpha, beta, split in product((0.3, 0.6, 0.8, 0.95), (0.2, 0.5), (0.2, 0.5), (0.3, 0.7)):
            rest = middle - share * lowest
            found.append(
                self.pack(np.log(share * lowest), np.log(split * rest), np.log((1 - split) * rest), alpha, beta)
            )
        return np.array(found)

    def pack(self, e: Any, a: Any, b: Any, alpha: float, beta: float) -> Floats:
        """Put log E, log A, log B (at the centre) and the exponents in one vector."""
        sizes = [place.stop - place.start for place in self.places().values()]
        return np.concatenate([np.full(size, value) for size, value in zip(sizes, (e, a, b, alpha, beta), strict=True)])

    def bounds(self, points: Points) -> tuple[Floats, Floats]:
        """Keep E below the lowest loss of its runs and not at nothing, A and B of some use, exponents plausible."""
        low = self.pack(np.log(points.loss.min()) - 7, -12.0, -12.0, *EXPONENTS[:1] * 2)
        high = self.pack(np.log(points.loss.max()), 12.0, 12.0, *EXPONENTS[1:] * 2)
        return low, high

    def natural(self, theta: Floats) -> dict[str, Floats]:
        """Give E, A, B, alpha, beta, and the exponents of compute in the best N and D."""
        found = dict(zip(self.names, np.moveaxis(theta, -1, 0), strict=True))
        alpha, beta = found["alpha"], found["beta"]
        for name, value in found.items():
            size = alpha * self.centre[0] if name[0] == "A" else beta * self.centre[1] if name[0] == "B" else 0.0
            if name[0] in "EAB":
                found[name] = np.exp(value + size)
        return {**found, "exponent": beta / (alpha + beta)}

    def _own(self, name: str, points: Points) -> Floats:
        """Say which of a letter's parameters each run has: 0 or 1, [n, 1] or [n, groups]."""
        if self.groups == 1 or name not in self.own:
            return np.ones((len(points), 1))
        return np.eye(self.groups)[points.group]


@dataclass(frozen=True, slots=True)
class Kaplan:
    """L = ((Nc / N)^(alpha_N / alpha_D) + Dc / D)^alpha_D (Kaplan et al. 2020, equation 1.5): no irreducible loss.

    ``theta`` holds log Nc and log Dc (relative to the centre of the sizes), alpha_N, alpha_D.
    """

    centre: tuple[float, float]
    names: tuple[str, ...] = ("Nc", "Dc", "alpha_N", "alpha_D")

    @classmethod
    def over(cls, points: Points) -> "Kaplan":
        """Make the law for runs."""
        return cls((float(points.log_params.mean()), float(points.log_tokens.mean())))

    def log_loss(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Predict log loss and its Jacobian."""
        n, d = points.log_params - self.centre[0], points.log_tokens - self.centre[1]
        nc, dc, alpha_n, alpha_d = np.moveaxis(theta[..., None], -2, 0)
        ratio = alpha_n / alpha_d
        total, (by_n, by_d) = _log_sum_exp(ratio * (nc - n), dc - d)
        columns = (alpha_n * by_n, alpha_d * by_d, by_n * (nc - n), total - by_n * ratio * (nc - n))
        return alpha_d * total, np.stack(columns, axis=-1)

    def starts(self, points: Points) -> Floats:
        """Give 32 starts."""
        found = product((2.0, 8.0, 16.0, 24.0), (2.0, 8.0), (0.05, 0.15), (0.05, 0.15))
        return np.array(list(found))

    def bounds(self, points: Points) -> tuple[Floats, Floats]:
        """Keep exponents plausible."""
        return np.array([-60.0, -60.0, 0.005, 0.005]), np.array([200.0, 200.0, 3.0, 3.0])

    def natural(self, theta: Floats) -> dict[str, Floats]:
        """Give Nc, Dc (in parameters and tokens) and the exponents."""
        nc, dc, alpha_n, alpha_d = np.moveaxis(theta, -1, 0)
        scales = {"Nc": np.exp(nc + self.centre[0]), "Dc": np.exp(dc + self.centre[1])}
        return {**scales, "alpha_N": alpha_n, "alpha_D": alpha_d, "exponent": alpha_d / (alpha_n + alpha_d)}


@dataclass(frozen=True, slots=True)
class Compute:
    """L = E + K / C^gamma: the loss of the best runs by compute, with an irreducible part (Henighan et al. 2020).

    ``theta`` holds log E, log K (at the centre of the FLOPs), gamma.
    """

    centre: float
    names: tuple[str, ...] = ("E", "K", "gamma")

    @classmethod
    def over(cls, points: Points) -> "Compute":
        """Make the law for runs."""
        return cls(float(points.log_flops.mean()))

    def log_loss(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Predict log loss and its Jacobian."""
        c = points.log_flops - self.centre
        e, k, gamma = np.moveaxis(theta[..., None], -2, 0)
        total, (by_floor, by_compute) = _log_sum_exp(np.broadcast_to(e, (*e.shape[:-1], len(c))), k - gamma * c)
        return total, np.stack([by_floor, by_compute, -c * by_compute], axis=-1)

    def starts(self, points: Points) -> Floats:
        """Give 12 starts."""
        lowest, middle = points.loss.min(), np.median(points.loss)
        shares = product((0.3, 0.6, 0.8, 0.95), (0.05, 0.15, 0.3))
        return np.array([(np.log(s * lowest), np.log(middle - s * lowest), gamma) for s, gamma in shares])

    def bounds(self, points: Points) -> tuple[Floats, Floats]:
        """Keep E below the highest loss and gamma plausible."""
        low = np.array([np.log(points.loss.min()) - 7, -12.0, 0.005])
        return low, np.array([np.log(points.loss.max()), 12.0, 2.0])

    def natural(self, theta: Floats) -> dict[str, Floats]:
        """Give E, K (for FLOPs) and gamma."""
        e, k, gamma = np.moveaxis(theta, -1, 0)
        return {"E": np.exp(e), "K": np.exp(k + gamma * self.centre), "gamma": gamma}


def _log_sum_exp(*terms: Floats) -> tuple[Floats, list[Floats]]:
    """Give the log of the sum of the exponentials of some terms, and each one's share of the sum."""
    highest = np.maximum.reduce(terms)
    raised = [np.exp(term - highest) for term in terms]
    total = np.add.reduce(raised)
    return highest + np.log(total), [part / total for part in raised]
