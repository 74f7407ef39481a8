"""What a fit is used for: best sizes, predictions, whether it may be told at all, back-tests, comparisons."""

from dataclasses import replace

import numpy as np
import pytest
from scaling_tables import PUBLISHED, grid, isoflop, loss

from lmloop.core.errors import DataError
from lmloop.kernels.scaling.backtest import backtests
from lmloop.kernels.scaling.compare import compare
from lmloop.kernels.scaling.fit import fit
from lmloop.kernels.scaling.frontier import best_params, frontier, predict
from lmloop.kernels.scaling.identify import judge, next_runs
from lmloop.kernels.scaling.law import Chinchilla
from lmloop.kernels.scaling.points import Points
from lmloop.kernels.scaling.resample import bootstrap
from lmloop.kernels.scaling.saved import Saved
from lmloop.kernels.scaling.slices import clusters, envelope, parabolas, slopes

TRUE = PUBLISHED["beta"] / (PUBLISHED["alpha"] + PUBLISHED["beta"])


@pytest.fixture(scope="module")
def noisy():
    return isoflop(noise=0.004, seed=1)


@pytest.fixture(scope="module")
def fitted(noisy):
    return fit(Chinchilla.over(noisy), noisy)


@pytest.fixture(scope="module")
def draws(fitted, noisy):
    return bootstrap(fitted, noisy, 200, 0)


def test_the_best_size_is_where_the_law_is_lowest(fitted):
    flops = np.array([1e19, 1e22])
    best = best_params(fitted.law, fitted.theta, flops)
    for n, c in zip(best, flops, strict=True):
        around = n * np.geomspace(0.5, 2, 401)
        losses = fitted.predict(Points.of(around, c / 6 / around, np.ones(401)))
        assert around[losses.argmin()] == pytest.approx(n, rel=0.01)


def test_the_frontier_holds_its_own_values(fitted, draws):
    along = frontier(fitted, draws, np.geomspace(1e18, 1e23, 5))
    for side in (along.params, along.tokens, along.loss):
        assert (side.low <= side.value).all()
        assert (side.value <= side.high).all()
    assert along.params.value * along.tokens.value * 6 == pytest.approx(along.flops)
    at = Points.of(along.params.value, along.tokens.value, np.ones(5))
    assert along.loss.value == pytest.approx(fitted.predict(at))


def test_a_bigger_run_lands_in_its_interval(noisy, fitted, draws):
    at = Points.of([70e9], [1.4e12], [1.0])
    law, new = predict(fitted, draws, noisy, at)
    truth = loss(70e9, 1.4e12)
    assert law.low[0] - 0.01 < truth < law.high[0] + 0.01
    assert new.low[0] < law.low[0] < law.high[0] < new.high[0]


def test_slices_find_the_exponent_without_a_law():
    budgets = isoflop()
    assert parabolas(budgets).line[0] == pytest.approx(TRUE, abs=0.01)
    curves = grid(np.geomspace(1e7, 1e10, 14), np.geomspace(1e8, 1e11, 30))
    assert envelope(curves).line[0] == pytest.approx(TRUE, abs=0.03)
    drawn = slopes(isoflop(noise=0.002), "2", 60, 0)
    assert np.percentile(drawn, 1) < TRUE < np.percentile(drawn, 99)


def test_slices_say_why_they_find_nothing():
    few = grid(np.array([1e8, 1e9]), np.array([1e9, 3e10]))
    assert envelope(few).line is None
    assert "three are needed" in envelope(few).left_out[0]
    assert parabolas(few).left_out == ("no budget has runs of three sizes",)
    n = np.geomspace(1e8, 1e9, 5)
    downhill = Points.of(n, 1e20 / 6 / n, 3 - np.log(n / 1e8))
    assert parabolas(replace(downhill, loss=3 - (n / 1e9) ** 2)).line is None


def test_clusters_begin_anew_where_a_value_is_well_above_the_first():
    assert clusters(np.array([1.0, 10.0, 1.05, 1.2, 11.0]), 0.12).tolist() == [0, 2, 0, 1, 2]


def test_six_models_on_one_amount_of_data_are_refused():
    n = np.array([2.6e7, 4e7, 6.4e7, 1.04e8, 1.45e8, 2.6e8] * 2)
    d = np.full(12, 1e9)
    points = Points.of(n, d, loss(n, d) * np.exp(np.random.default_rng(0).normal(0, 0.004, 12)))
    found = fit(Chinchilla.over(points), points)
    drawn = bootstrap(found, points, 60, 0)
    verdict = judge(found, drawn, points)
    assert not verdict.known
    assert any("same D" in reason for reason in verdict.against)
    (run,) = next_runs(found, drawn, points, 10 * float(points.flops.max()))
    assert run.tokens > 1.5e9
    assert run.flops <= 10 * points.flops.max() * 1.001


def test_one_decade_with_noise_is_refused_for_its_width():
    points = grid(np.geomspace(1e8, 5e8, 4), np.geomspace(2e9, 8e9, 3), noise=0.02)
    found = fit(Chinchilla.over(points), points)
    verdict = judge(found, bootstrap(found, points, 60, 0), points)
    assert verdict.width > 0.5, "draws that only start at the optimum of the whole table stay near it"
    assert not verdict.known
    assert "wider than .2" in verdict.against[0]


def test_the_next_run_makes_the_interval_narrower(noisy, fitted, draws):
    verdict = judge(fitted, draws, noisy)
    assert verdict.known
    assert verdict.condition > 10
    assert -1 <= verdict.correlation <= 1
    one, two = next_runs(fitted, draws, noisy, float(noisy.flops.max()), 2)
    assert two.width < one.width < verdict.width * 1.1


def test_back_tests_find_no_bias_where_there_is_none_and_one_where_the_law_bends():
    points = isoflop(noise=0.002, seed=4)
    for test in backtests(points, 100, 0):
        assert abs(test.bias) < 0.01
        assert test.covered > 0.6
        assert test.fitted + test.held_out == len(points)
    late = points.flops > 1e21
    bent = Points.of(points.params, points.tokens, points.loss * np.where(late, 1.05, 1.0))
    assert backtests(bent, 50, 0)[0].bias < -0.02


def test_a_comparison_finds_how_many_times_the_data_one_side_is_worth():
    points = isoflop(noise=0.001)
    better = loss(points.params, points.tokens * 2)
    both = Points.of(
        np.tile(points.params, 2),
        np.tile(points.tokens, 2),
        np.concatenate([points.loss, better]),
        np.repeat([0, 1], len(points)),
        ("adamw", "muon"),
    )
    _, (first, second) = compare(both, "AB", 60, 0)
    assert first.tokens.value == first.tokens.low == first.tokens.high == 1
    assert second.tokens.value == pytest.approx(2, rel=0.05)
    assert second.params.value == pytest.approx(1, rel=0.05)
    with pytest.raises(DataError, match="only one group"):
        compare(points, "AB", 60, 0)


def test_a_saved_fit_foretells_the_same(tmp_path, noisy, fitted, draws):
    saved = Saved(fitted, draws, noisy, ("a reason",))
    saved.write(tmp_path / "fit.json", {"extra": 1})
    again = Saved.read(tmp_path / "fit.json")
    at = Points.of([7e9], [1e12], [1.0])
    first, second = (predict(each.fit, each.draws, each.points, at)[1] for each in (saved, again))
    assert second.low[0] == pytest.approx(first.low[0], rel=1e-5)
    assert again.against == ("a reason",)
    (tmp_path / "fit.json").write_text("{}")
    with pytest.raises(DataError, match="damaged"):
        Saved.read(tmp_path / "fit.json")
