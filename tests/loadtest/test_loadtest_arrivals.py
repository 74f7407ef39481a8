"""Arrivals have the rate and the irregularity that was asked for."""

import numpy as np
import pytest

from lmloop.loadtest.amounts import rates
from lmloop.loadtest.arrivals import Pattern, arrivals


def drawn(rate: str, pattern: Pattern, seconds: float, burstiness: float = 1.0, seed: int = 7) -> np.ndarray:
    return np.array(arrivals(rates(rate, seconds), pattern, burstiness, None, np.random.default_rng(seed)))


def test_constant_arrivals_are_evenly_spaced_from_the_start() -> None:
    assert drawn("4", "constant", 2).tolist() == [0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]


@pytest.mark.parametrize(("pattern", "burstiness", "variation"), [("poisson", 1.0, 1.0), ("gamma", 0.25, 2.0)])
def test_gaps_vary_as_their_distribution_says(pattern: Pattern, burstiness: float, variation: float) -> None:
    gaps = np.diff(drawn("50", pattern, 400, burstiness))
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.05)
    assert gaps.std() / gaps.mean() == pytest.approx(variation, rel=0.07)


def test_the_number_of_arrivals_varies_from_seed_to_seed() -> None:
    counts = [len(drawn("20", "poisson", 10, seed=seed)) for seed in range(200)]
    # a Poisson count has the variance of its mean; gaps rescaled to fill the time would have none
    assert np.var(counts) == pytest.approx(200, rel=0.3)


def test_a_ramp_gets_steadily_denser() -> None:
    moments = drawn("0..40", "poisson", 100)
    assert len(moments) == pytest.approx(2000, rel=0.07)
    assert np.histogram(moments, 4, (0, 100))[0] / len(moments) == pytest.approx(
        [1 / 16, 3 / 16, 5 / 16, 7 / 16], rel=0.15
    )


def test_steps_have_each_their_rate() -> None:
    counts = np.histogram(drawn("10,40", "constant", 20), 2, (0, 20))[0]
    assert counts.tolist() == [100, 400]


def test_so_many_arrivals_as_are_wanted_whatever_the_time() -> None:
    moments = arrivals(rates("5", 1), "poisson", 1, 5000, np.random.default_rng(1))
    assert len(moments) == 5000
    assert moments == sorted(moments)
    assert moments[-1] == pytest.approx(1000, rel=0.1)
