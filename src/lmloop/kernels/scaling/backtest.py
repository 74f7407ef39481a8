"""Back-test: fit the smaller runs, predict the larger ones that are there already, and say how far off that was."""

from dataclasses import dataclass

import numpy as np

from lmloop.kernels.scaling.fit import fit
from lmloop.kernels.scaling.frontier import predict
from lmloop.kernels.scaling.law import Chinchilla
from lmloop.kernels.scaling.points import Points
from lmloop.kernels.scaling.resample import bootstrap

REACHES = (2.0, 4.0, 10.0)


@dataclass(frozen=True, slots=True)
class Backtest:
    """One test: runs above ``most_flops`` held out.

    ``bias`` is the mean of prediction over truth minus one (below zero: too optimistic), ``error`` the mean of its
    size, ``covered`` the share of the runs held out that lie in their 95 % interval; ``reach`` how many times the
    largest run fitted the largest held out is.
    """

    most_flops: float
    fitted: int
    held_out: int
    reach: float
    bias: float
    error: float
    covered: float


def backtests(points: Points, draws: int, seed: int) -> list[Backtest]:
    """Hold out all runs of more than a half, a quarter and a tenth of the largest FLOPs, where enough are left."""
    found: list[Backtest] = []
    for reach in REACHES:
        limit = float(points.flops.max()) / reach
        small, large = points.where(points.flops <= limit), points.where(points.flops > limit)
        enough = len(small) >= 8 and len(np.unique(np.round(small.log_tokens, 2))) > 1
        if enough and (not found or len(large) > found[-1].held_out):
            found.append(_test(small, large, limit, draws, seed))
    return found


def _test(small: Points, large: Points, limit: float, draws: int, seed: int) -> Backtest:
    law = Chinchilla.over(small)
    fitted = fit(law, small, law.starts(small)[::4])
    _, new = predict(fitted, bootstrap(fitted, small, draws, seed), small, large)
    off = new.value / large.loss - 1
    covered = np.mean((new.low <= large.loss) & (large.loss <= new.high))
    reach = float(large.flops.max() / small.flops.max())
    error = float(np.abs(off).mean())
    return Backtest(limit, len(small), len(large), reach, float(off.mean()), error, float(covered))
