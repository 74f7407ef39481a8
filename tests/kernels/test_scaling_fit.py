import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scaling_tables import PUBLISHED, grid, isoflop

from lmloop.core.errors import DataError
from lmloop.kernels.scaling.fit import Fit, fit, objective
from lmloop.kernels.scaling.law import Chinchilla, Compute, Kaplan
from lmloop.kernels.scaling.points import Points
from lmloop.kernels.scaling.resample import bootstrap, resampled


@pytest.fixture(scope="module")
def noisy():
    return isoflop(noise=0.004, seed=1)


@pytest.fixture(scope="module")
def fitted(noisy):
    return fit(Chinchilla.over(noisy), noisy)


def test_exact_losses_give_the_published_parameters_back():
    found = fit(law := Chinchilla.over(points := isoflop()), points)
    assert law.names == ("E", "A", "B", "alpha", "beta")
    for name, value in PUBLISHED.items():
        assert found.values[name] == pytest.approx(value, rel=2e-3), name
    assert found.values["exponent"] == pytest.approx(0.3658 / (0.3478 + 0.3658), abs=1e-4)


def test_the_published_parameters_lie_in_their_intervals(noisy, fitted):
    drawn = fitted.law.natural(bootstrap(fitted, noisy, 300, 0))
    for name, value in PUBLISHED.items():
        low, high = np.percentile(drawn[name], [0.5, 99.5])
        assert low <= value <= high, name
    assert np.ptp(np.percentile(drawn["exponent"], [2.5, 97.5])) < 0.06


def test_a_few_runs_gone_wrong_do_not_move_it(noisy, fitted):
    loss = noisy.loss.copy()
    loss[::20] *= 1.3
    spoilt = Points.of(noisy.params, noisy.tokens, loss)
    assert fit(Chinchilla.over(spoilt), spoilt).values["alpha"] == pytest.approx(fitted.values["alpha"], abs=0.03)


def test_no_start_of_the_published_grid_does_better(noisy, fitted):
    sides = (np.arange(0, 26, 5), np.arange(0, 26, 5), np.arange(-1, 1.1, 0.5), *[np.arange(0, 2.1, 0.5)] * 2)
    grid_4500 = np.array(list(itertools.product(*sides)))
    assert len(grid_4500) == 4500
    a, b, e, alpha, beta = np.random.default_rng(0).permutation(grid_4500)[:60].T
    # published starts are log A and log B themselves; ours are taken at the centre of the sizes
    centre = fitted.law.centre
    starts = np.stack([e, a - alpha * centre[0], b - beta * centre[1], alpha, beta], axis=1)
    assert fitted.agreeing >= 24
    assert fit(fitted.law, noisy, starts).objective >= fitted.objective * (1 - 1e-4)


def test_kaplan_and_compute_laws_are_recovered():
    points = grid(np.geomspace(1e6, 1e9, 6), np.geomspace(1e8, 1e11, 6))
    law = Kaplan.over(points)
    theta = np.array([14.0, 10.0, 0.076, 0.095])
    planted = Points.of(points.params, points.tokens, np.exp(law.log_loss(theta, points)[0]))
    values = fit(law, planted).values
    assert values["alpha_N"] == pytest.approx(0.076, rel=0.02)
    assert values["alpha_D"] == pytest.approx(0.095, rel=0.02)
    flops = np.geomspace(1e15, 1e22, 12)
    best = Points.of(flops / 6e9, np.full(12, 1e9), 1.7 + 800 / flops**0.155)
    values = fit(Compute.over(best), best).values
    assert values["E"] == pytest.approx(1.7, rel=5e-3)
    assert values["gamma"] == pytest.approx(0.155, rel=2e-2)


LAWS = {
    "chinchilla": Chinchilla.over,
    "own": lambda points: Chinchilla.over(points, "EAB"),
    "kaplan": Kaplan.over,
    "compute": Compute.over,
}


@pytest.mark.parametrize("name", LAWS)
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_the_gradient_is_the_slope_of_the_objective(name, seed):
    rng = np.random.default_rng(seed)
    n, d, y = np.exp(rng.uniform(10, 20, 7)), np.exp(rng.uniform(15, 25, 7)), rng.uniform(2, 6, 7)
    points = Points.of(n, d, y, np.arange(7) % 2, ("a", "b"))
    law = LAWS[name](points)
    start = law.starts(points)
    theta = start[rng.integers(len(start))] + rng.uniform(-0.02, 0.02, start.shape[1])
    _, slope = objective(theta, law, points)
    for place in range(len(theta)):
        step = np.zeros_like(theta)
        step[place] = 1e-6
        ends = [objective(theta + sign * step, law, points)[0] for sign in (1, -1)]
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(slope[place], rel=1e-3, abs=1e-3)


def test_each_draw_is_the_optimum_of_its_own_table(noisy, fitted):
    drawn, weights = bootstrap(fitted, noisy, 6, 3), resampled(noisy, 6, 3)
    assert (weights.sum(axis=1) == len(noisy)).all()
    for theta, weight in zip(drawn, weights, strict=True):
        table = noisy.where(np.repeat(np.arange(len(noisy)), weight.astype(int)))
        best = fit(fitted.law, table, fitted.theta[None])
        assert objective(theta, fitted.law, table)[0] <= best.objective * (1 + 1e-4)


def test_the_same_seed_gives_the_same_draws(noisy, fitted):
    first, again, other = (bootstrap(fitted, noisy, 5, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert not (first == other).all()


def test_flops_do_not_overflow():
    points = Points.of([70_000_000_000], [1_400_000_000_000], [2])
    assert points.flops[0] == 6.0 * 7e10 * 1.4e12


def test_too_few_runs_are_a_user_s_mistake(noisy):
    few = noisy.where(np.arange(4))
    with pytest.raises(DataError, match="4 runs are too few"):
        fit(Chinchilla.over(few), few)


def test_a_prediction_is_the_law(fitted, noisy):
    assert isinstance(fitted, Fit)
    assert fitted.predict(noisy) == pytest.approx(noisy.loss, rel=0.02)
