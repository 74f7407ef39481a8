import numpy as np
import pytest

from lmloop.kernels.scaling.falling import Falling, between, fall, intervals, spread

X = np.geomspace(1e4, 1e7, 60)


@pytest.mark.parametrize(
    ("floor", "exponent", "lost"), [(0, 1.0, 1.0), (1.5, 0.4, 2.0), (3, 0.1, 4.0), (3, 0.1, 0.5), (0, 0.1, 0.5)]
)
def test_a_law_comes_back(floor, exponent, lost):
    law = Falling(floor, lost * 1e5**exponent, exponent)
    found = fall(X, law.at(X))
    assert found.exponent == pytest.approx(exponent, rel=0.03)
    assert found.at(X) == pytest.approx(law.at(X), rel=0.03)


def test_intervals_hold_the_truth_and_are_narrow_where_noise_is_small():
    law = Falling(1.5, 2 * 1e5**0.4, 0.4)
    noise = np.random.default_rng(1).normal(0, 0.01, len(X))
    widths = []
    for size in (0.3, 1.0):
        draws = intervals(X, law.at(X) * (1 + size * noise), 200, 3)
        low, high = between(np.array([each.exponent for each in draws]))
        assert low < 0.4 < high
        widths.append(high - low)
    assert widths[0] < widths[1] < 0.3


def test_without_a_floor_it_is_a_straight_line():
    found = fall(X, 3.0 * X**-0.1, floor=False)
    assert found.floor == 0
    assert found.exponent == pytest.approx(0.1, rel=0.02)
    assert found.amount == pytest.approx(3.0, rel=0.05)


def test_a_loss_that_does_not_fall_has_no_amount_worth_naming():
    found = fall(X, np.full(len(X), 2.0))
    assert found.at(X) == pytest.approx(np.full(len(X), 2.0), rel=0.06)


def test_places_are_spread_over_the_logarithm():
    x = np.arange(1.0, 1001.0)
    middles, means = spread(x, x**2, 10.0, 8)
    assert len(middles) == 8
    assert np.diff(np.log(middles)) == pytest.approx(np.full(7, np.log(100) / 8), rel=0.15)
    assert (np.diff(means) > 0).all()
    assert len(spread(x, x, 5000.0, 8)[0]) == 0
    assert spread(np.array([3.0]), np.array([2.0]), 1.0, 8)[1].tolist() == [2.0]
