"""Steps against tokens: a planted trade is found again, whatever was reached and whatever was not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.kernels.scaling.critical_batch import Trade, reached, redrawn, steepness, trade

BATCH = np.array([256.0, 512, 1024, 2048, 4096, 8192])


@given(st.floats(10, 1e5), st.floats(0.1, 100))
def test_a_planted_trade_is_found_and_is_the_published_curve(steps: float, ratio: float) -> None:
    planted = Trade(steps, steps * 1024 * ratio)
    taken = planted.at(BATCH)
    found = trade(BATCH, taken)
    assert found is not None
    assert (found.steps, found.tokens) == pytest.approx((planted.steps, planted.tokens), rel=1e-6)
    assert found.batch == pytest.approx(1024 * ratio)
    assert (taken / found.steps - 1) * (taken * BATCH / found.tokens - 1) == pytest.approx(np.ones(6), rel=1e-6)


def test_what_was_not_reached_does_not_count_and_two_batches_are_too_few() -> None:
    steps = Trade(100, 1e5).at(BATCH)
    steps[[0, 5]] = np.nan
    found = trade(BATCH, steps)
    assert found is not None
    assert found.batch == pytest.approx(1000)
    steps[[1, 2]] = np.nan
    assert trade(BATCH, steps) is None


def test_batches_that_are_all_too_small_or_too_large_know_one_end_only() -> None:
    small = trade(BATCH, 1e6 / BATCH * (1 + 0.1 * np.arange(6)) ** -1.0)
    assert small is not None
    assert small.steps == 0
    assert small.batch == float("inf")
    large = trade(BATCH, 100 * (1 + 0.1 * np.arange(6)))
    assert large is not None
    assert large.tokens == 0


def test_a_loss_is_reached_between_two_measurements() -> None:
    tokens, loss = np.array([100.0, 1000.0, 10_000.0]), np.array([6.0, 5.0, 4.0])
    assert reached(tokens, loss, 4.5) == pytest.approx(1000 * 10**0.5)
    assert reached(tokens, loss, 5.0) == pytest.approx(1000)
    assert reached(tokens, loss, 3.9) is None
    assert reached(tokens, loss, 6.5) is None  # before the first measurement


def test_draws_lie_round_the_fit_and_their_growth_is_the_planted_one() -> None:
    losses = np.array([5.0, 4.5, 4.0])
    chance = np.random.default_rng(1)
    steps = np.stack([Trade(100 * (5 / x) ** 3, 1e5 * (5 / x) ** 8).at(BATCH) for x in losses])
    steps *= np.exp(0.02 * chance.standard_normal(steps.shape))
    draws = redrawn(BATCH, steps, 200, seed=0)
    low, high = np.nanquantile(draws, [0.025, 0.975], axis=0)
    assert (low < [1000, 1000 * (5 / 4.5) ** 5, 1000 * (5 / 4) ** 5]).all()
    assert (high > [1000 * 0.95, 1000 * (5 / 4.5) ** 5 * 0.95, 1000 * (5 / 4) ** 5 * 0.95]).all()
    assert steepness(losses, np.nanmedian(draws, axis=0)) == pytest.approx(5, rel=0.2)
    assert np.array_equal(draws, redrawn(BATCH, steps, 200, seed=0), equal_nan=True)
