"""Laws of mixtures: planted ones are found again, and a straight line is no match for them."""

import numpy as np
import pytest

from lmloop.kernels.scaling.mixing import Mixing, best, left_out, mixing, straight

TWO = np.array([[1 - x, x] for x in (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)])


def test_a_planted_law_of_two_sources_is_found_and_foretells_what_was_left_out() -> None:
    planted = Mixing(2.5, 1.75, np.array([-4.0, 0.0]))
    loss = planted.at(TWO)
    found = mixing(TWO, loss)
    assert (found.floor, found.amount) == pytest.approx((2.5, 1.75), rel=1e-3)
    assert found.pull_M == pytest.approx([-4.0, 0.0], rel=1e-3)
    assert np.abs(left_out(TWO, loss) - loss).max() < 1e-3
    assert np.abs(straight(TWO, loss) - loss).max() > 0.1


def test_a_planted_law_of_three_sources_is_found() -> None:
    chance = np.random.default_rng(0)
    shares = chance.dirichlet(np.ones(3), 24)
    planted = Mixing(1.0, 2.0, np.array([-3.0, 1.0, 0.0]))
    found = mixing(shares, planted.at(shares))
    assert found.pull_M == pytest.approx(planted.pull_M, rel=0.02)
    assert found.at(shares) == pytest.approx(planted.at(shares), rel=1e-3)


def test_no_floor_is_below_nothing() -> None:
    loss = np.exp(-TWO[:, 0]) - 0.05 * TWO[:, 0]
    found = mixing(TWO, loss)
    assert found.floor >= 0
    assert found.amount >= 0


def test_the_best_mixture_is_that_of_the_lowest_mean() -> None:
    laws = [Mixing(1.0, 1.0, np.array([-3.0, 0.0])), Mixing(1.0, float(np.exp(-3.0)), np.array([3.0, 0.0]))]
    shares, loss = best(laws)
    assert shares == pytest.approx([0.5, 0.5])
    assert loss == pytest.approx(1 + np.exp(-1.5))
