"""Means and their errors agree with scipy, with statsmodels, and with what must hold of any."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lmloop.scoring.distributions import normal_quantile, student_quantile, student_two_sided
from lmloop.scoring.means import macro_mean, mean_of, wilson

VALUES = [(7 * i * i + 3 * i) % 11 / 10 for i in range(40)]
CLUSTERS = [str(i // 3) for i in range(40)]


def test_a_mean_of_many_has_scipys_standard_error_and_t_interval() -> None:
    found = mean_of(VALUES)
    assert found.se == pytest.approx(stats.sem(VALUES), rel=1e-12)
    low, high = stats.t.interval(0.95, 39, np.mean(VALUES), stats.sem(VALUES))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_a_clustered_error_is_that_of_statsmodels() -> None:
    # OLS on a constant with cov_type="cluster", statsmodels 0.15.0
    found = mean_of(VALUES, CLUSTERS)
    assert (found.mean, found.se) == pytest.approx((0.4025000000000001, 0.030380064471750106), rel=1e-12)
    assert (found.n, found.clusters) == (40, 14)


@pytest.mark.parametrize(("right", "total"), [(0, 9), (7, 50), (50, 50), (1, 1), (431, 1319)])
def test_shares_have_wilsons_interval(right: int, total: int) -> None:
    expected = stats.binomtest(right, total).proportion_ci(method="wilson")
    assert wilson(right, total) == pytest.approx((expected.low, expected.high), abs=1e-12)
    found = mean_of([1.0] * right + [0.0] * (total - right))
    assert total == 1 or (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_weighted_mean_is_that_of_the_repeated_values() -> None:
    weights = [1 + i % 5 for i in range(40)]
    repeated = [value for value, weight in zip(VALUES, weights, strict=True) for _ in range(weight)]
    clusters = [str(i) for i, weight in enumerate(weights) for _ in range(weight)]
    found, expected = mean_of(VALUES, weights=weights), mean_of(repeated, clusters)
    assert (found.mean, found.se) == pytest.approx((expected.mean, expected.se), rel=1e-12)


def test_nothing_and_one_value_have_no_error() -> None:
    assert math.isnan(mean_of([]).mean)
    assert mean_of([0.25]).se is None
    assert mean_of([0.0, 1.0], ["a", "a"]).se is None


def test_a_macro_mean_counts_groups_alike() -> None:
    small, large = mean_of([1.0, 0.0]), mean_of([1.0] * 30 + [0.0] * 10)
    found = macro_mean([small, large])
    assert found.mean == pytest.approx((0.5 + 0.75) / 2)
    assert small.se is not None
    assert large.se is not None
    assert found.se == pytest.approx(math.hypot(small.se, large.se) / 2)


def test_a_bootstrap_of_whole_clusters_finds_the_interval_that_theory_gives() -> None:
    theory, chance = mean_of(VALUES, CLUSTERS), np.random.default_rng(0)
    clusters = [
        [value for value, name in zip(VALUES, CLUSTERS, strict=True) if name == one] for one in dict.fromkeys(CLUSTERS)
    ]
    sums, counts = np.array([sum(some) for some in clusters]), np.array([len(some) for some in clusters])
    drawn = [chance.integers(0, len(sums), len(sums)) for _ in range(2000)]
    low, high = np.quantile([sums[taken].sum() / counts[taken].sum() for taken in drawn], [0.025, 0.975])
    assert (low, high) == pytest.approx((theory.low, theory.high), abs=0.015)


@given(st.floats(-40, 40), st.floats(1, 400))
def test_students_tails_are_scipys(t: float, freedom: float) -> None:
    assert student_two_sided(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-7, abs=1e-14)


@pytest.mark.parametrize("freedom", [1, 2, 5, 30, 1e6])
def test_students_quantiles_are_scipys(freedom: float) -> None:
    assert student_quantile(0.95, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-7)
    assert normal_quantile(0.95) == pytest.approx(stats.norm.ppf(0.975))


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from("abcd")), min_size=2, max_size=20))
def test_the_interval_of_a_share_ends_at_0_and_1(items: list[tuple[float, str]]) -> None:
    values, names = [value for value, _ in items], [name for _, name in items]
    clustered = mean_of(values, names)
    weighted = mean_of(values, weights=[1.0 + place for place in range(len(values))])
    for found in (clustered, weighted, macro_mean([mean_of(values), clustered]), macro_mean([clustered, weighted])):
        assert 0 <= found.low <= found.mean + 1e-12
        assert found.mean - 1e-12 <= found.high <= 1


def test_the_interval_of_what_is_no_share_may_end_beyond_1() -> None:
    lengths = [mean_of([0.5, 1.5]), mean_of([0.25, 1.0])]
    assert all(length.high > 1 for length in lengths)
    assert macro_mean(lengths).high > 1


@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["", "a", "b", "c"])), min_size=1, max_size=20),
    st.sampled_from([(0.0, 1.0), (1.0, 10.0), (0.0, 2.0)]),
)
def test_the_interval_of_values_with_bounds_stays_within_them_and_is_never_a_point(
    items: list[tuple[float, str]], bounds: tuple[float, float]
) -> None:
    least, most = bounds
    values, names = [least + value * (most - least) for value, _ in items], [name for _, name in items]
    found = mean_of(values, names, bounds=bounds)
    several = macro_mean([found, mean_of([most] * 5, bounds=bounds)], bounds=bounds)
    for one in (found, several):
        assert least - 1e-9 <= one.low <= one.mean + 1e-9
        assert one.mean - 1e-9 <= one.high <= most + 1e-9
        assert one.high - one.low > 1e-9


def test_all_right_or_all_wrong_is_not_certain() -> None:
    nine = mean_of([1.0] * 9, list("aabbccdde"))
    assert nine.se == 0.0
    t = stats.t.ppf(0.975, 4)
    assert (nine.low, nine.high) == pytest.approx((1 / (1 + t * t / 5), 1.0))
    assert mean_of([0.0] * 4, ["a"] * 4).high == 1.0
    assert macro_mean([mean_of([1.0] * 4), mean_of([1.0] * 4)]).low == pytest.approx(wilson(8, 8)[0])


def test_an_interval_within_bounds_is_near_students_where_bounds_are_far() -> None:
    bounded, free = mean_of(VALUES * 10, bounds=(0.0, 1.0)), mean_of(VALUES * 10)
    assert (bounded.low, bounded.high) == pytest.approx((free.low, free.high), abs=1e-3)
    assert mean_of([0.5, 1.5], bounds=(0.0, 1.0)) == mean_of([0.5, 1.5])


def test_an_interval_within_bounds_holds_the_truth_where_students_does_not() -> None:
    chance = np.random.default_rng(0)
    bounded = free = 0
    for _ in range(200):
        values = (chance.beta(5, 2, 20) * (chance.random(20) < 0.1)).tolist()
        one, other = mean_of(values, bounds=(0.0, 1.0)), mean_of(values, bounds=(-99.0, 99.0))
        bounded += one.low <= 0.1 * 5 / 7 <= one.high
        free += other.mean - 2.093 * (other.se or 0) <= 0.1 * 5 / 7 <= other.mean + 2.093 * (other.se or 0)
    assert bounded >= 0.93 * 200
    assert free <= 0.90 * 200


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60), st.integers(1, 5))
def test_items_that_are_repeated_are_no_new_knowledge(values: list[float], times: int) -> None:
    names = [str(place) for place in range(len(values))]
    once, often = mean_of(values, names), mean_of(values * times, names * times)
    assert often.mean == pytest.approx(once.mean, abs=1e-12)
    assert often.se == pytest.approx(once.se, abs=1e-9)
