"""Mixing laws: the loss on a source as a function of the shares of all sources in what was read.

Ye et al. 2024, "Data Mixing Laws", section 3: L_i(r) = c_i + k_i exp(t_i . r), for trainings that differ in nothing but
the shares r, which sum to one. As they do, the last share says nothing new, and its t is 0 here: k takes it up.

Shape letters: n trainings, M sources, G mixtures.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lmloop.core.extras import need
from lmloop.kernels.scaling.points import Floats
from lmloop.kernels.scaling.single import one_thread

STARTS = (-3.0, -0.5, 0.5, 3.0)
STEEPEST = 60.0
GRID = 20
"""Mixtures that are compared lie a twentieth apart."""


@dataclass(frozen=True, slots=True)
class Mixing:
    """The law of one source: ``floor`` + ``amount`` x exp(``pull`` . shares)."""

    floor: float
    amount: float
    pull_M: Floats

    def at(self, shares_nM: Floats) -> Floats:
        """Give the loss at some shares."""
        return np.asarray(self.floor + self.amount * np.exp(shares_nM @ self.pull_M))


def fewest(sources: int) -> int:
    """Say how many trainings a law needs, so that one may be left out: one more than it has numbers."""
    return sources + 2


def mixing(shares_nM: Floats, loss: Floats) -> Mixing:
    """Fit by least squares: floor and amount follow from the pulls, which are sought from several starts."""
    with one_thread():
        found = [_from(shares_nM, loss, start) for start in STARTS]
    return min(found, key=lambda one: float(((one.at(shares_nM) - loss) ** 2).sum()))


def left_out(shares_nM: Floats, loss: Floats) -> Floats:
    """Foretell the loss of each training from all the others: [n]."""
    kept = ~np.eye(len(loss), dtype=bool)
    return np.array([float(mixing(shares_nM[row], loss[row]).at(shares_nM[~row])[0]) for row in kept])


def straight(shares_nM: Floats, loss: Floats) -> Floats:
    """Foretell the loss of each training by a straight line or plane through all the others: [n]."""
    found = np.empty(len(loss))
    for place in range(len(loss)):
        rest = np.arange(len(loss)) != place
        slopes, *_ = np.linalg.lstsq(shares_nM[rest], loss[rest], rcond=None)
        found[place] = shares_nM[place] @ slopes
    return found


def best(laws: list[Mixing]) -> tuple[Floats, float]:
    """Give the mixture with the lowest mean loss over the sources, and that loss."""
    grid_GM = np.array(list(_mixtures(len(laws), GRID))) / GRID
    losses = np.mean([law.at(grid_GM) for law in laws], axis=0)
    place = int(losses.argmin())
    return grid_GM[place], float(losses[place])


def _from(shares_nM: Floats, loss: Floats, start: float) -> Mixing:
    least_squares = need("scipy.optimize", "train").least_squares
    free = shares_nM.shape[1] - 1

    def law(pull: Floats) -> Mixing:
        whole = np.append(pull, 0.0)
        bent = np.exp(shares_nM @ whole)
        sides = np.stack([np.ones(len(loss)), bent / bent.max()], axis=1)
        (floor, amount), *_ = np.linalg.lstsq(sides, loss, rcond=None)
        if floor < 0 or amount < 0:  # a loss is never below nothing, and a law that bends the other way is none
            alone = max(float(loss @ sides[:, 1] / (sides[:, 1] @ sides[:, 1])), 0.0)
            floor, amount = (0.0, alone) if floor < 0 else (float(loss.mean()), 0.0)
        return Mixing(float(floor), float(amount / bent.max()), whole)

    def off(pull: Floats) -> Floats:
        return law(pull).at(shares_nM) - loss

    steps = least_squares(off, np.full(free, start), bounds=(-STEEPEST, STEEPEST))
    return law(steps.x)


def _mixtures(sources: int, parts: int) -> Iterator[tuple[int, ...]]:
    if sources == 1:
        yield (parts,)
        return
    for first in range(parts + 1):
        for rest in _mixtures(sources - 1, parts - first):
            yield (first, *rest)
