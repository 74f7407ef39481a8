"""The critical batch: how steps and tokens trade against each other on the way to a loss.

McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", section 2.3: of trainings that reach one loss at
different batches, (S / Smin - 1)(E / Emin - 1) = 1, where S are the steps and E the tokens they take. With E = S B that
is S = Smin + Emin / B, so a fit is two numbers. The critical batch is Emin / Smin: there a training takes twice the
fewest steps, and twice the fewest tokens. Kaplan et al. 2020, equation 1.4: it is B* / L^(1 / alpha), a function of
the loss alone.

Shape letters: L losses, B batches, R draws.
"""

from dataclasses import dataclass

import numpy as np

from lmloop.kernels.scaling.points import Floats

FEWEST = 3
"""A trade of fewer batches than this says nothing: two points lie on every curve of two numbers."""


@dataclass(frozen=True, slots=True)
class Trade:
    """The fewest steps to a loss, with batches without end, and the fewest tokens, with the smallest."""

    steps: float
    tokens: float

    @property
    def batch(self) -> float:
        """The critical batch in tokens; endless where the fit knows no fewest steps."""
        return self.tokens / self.steps if self.steps > 0 else float("inf")

    def at(self, batch: Floats) -> Floats:
        """Give the steps that a batch of so many tokens takes."""
        return np.asarray(self.steps + self.tokens / np.asarray(batch, dtype=np.float64))


def reached(tokens: Floats, loss: Floats, wanted: float) -> float | None:
    """Say after how many tokens a loss was first reached, between two measurements by their logarithms."""
    (there,) = np.nonzero(loss <= wanted)
    if not len(there) or there[0] == 0:
        return None
    last = int(there[0])
    share = (loss[last - 1] - wanted) / (loss[last - 1] - loss[last])
    return float(np.exp(np.log(tokens[last - 1]) + share * np.log(tokens[last] / tokens[last - 1])))


def trade(batch: Floats, steps: Floats) -> Trade | None:
    """Fit by least squares of relative errors; None where fewer than three batches reached the loss."""
    there = np.isfinite(steps)
    batch, steps = batch[there], steps[there]
    if len(np.unique(batch)) < FEWEST:
        return None
    scale = np.array([1 / steps.min(), 1 / (batch * steps).min()])
    x, y = 1 / steps / scale[0], 1 / (batch * steps) / scale[1]
    # the two sums of least squares by hand: thousands of draws are fitted
    xx, xy, yy = x @ x, x @ y, y @ y
    below = max(xx * yy - xy * xy, 1e-300)
    fewest, tokens = (yy * x.sum() - xy * y.sum()) / below, (xx * y.sum() - xy * x.sum()) / below
    if fewest < 0:  # one of the two is not to be seen in these batches: the other fits alone
        fewest, tokens = 0.0, y.sum() / yy
    elif tokens < 0:
        fewest, tokens = x.sum() / xx, 0.0
    return Trade(float(fewest / scale[0]), float(tokens / scale[1]))


def redrawn(batch: Floats, steps_LB: Floats, draws: int, seed: int) -> Floats:
    """Refit every loss to batches drawn with replacement, the same for all losses: critical batches [R, L]."""
    rng = np.random.default_rng(seed)
    found = np.full((draws, len(steps_LB)), np.nan)
    for row in found:
        drawn = rng.integers(0, len(batch), len(batch))
        for place, steps_B in enumerate(steps_LB):
            one = trade(batch[drawn], steps_B[drawn])
            row[place] = np.nan if one is None else one.batch
    return found


def steepness(loss: Floats, batch: Floats) -> float:
    """Give 1 / alpha of B* / L^(1 / alpha): minus the slope over the logarithms; not a number if it cannot be told."""
    there = np.isfinite(batch) & (batch > 0)
    if there.sum() < 2:
        return float("nan")
    x, y = np.log(loss[there]), np.log(batch[there])
    x = x - x.mean()
    return float(-(x @ y) / (x @ x))
