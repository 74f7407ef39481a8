"""Paired tests agree with scipy and statsmodels, and say no more than the items do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lmloop.scoring.differences import combine, compare, holm, smallest_shown
from lmloop.scoring.distributions import binomial_two_sided
from lmloop.scoring.ranks import corrected, rank_intervals

CHANCE = np.random.default_rng(5)
FIRST = CHANCE.random(80).tolist()
SECOND = [min(1.0, value + 0.05 * (place % 3)) for place, value in enumerate(FIRST)]


def test_right_and_wrong_are_compared_by_the_exact_test_of_mcnemar() -> None:
    first = [1.0] * 30 + [1.0] * 7 + [0.0] * 19 + [0.0] * 20
    second = [1.0] * 30 + [0.0] * 7 + [1.0] * 19 + [0.0] * 20
    found = compare(first, second)
    # statsmodels 0.15.0: mcnemar([[0, 7], [19, 0]], exact=True)
    assert found.p == pytest.approx(0.028959274291992188)
    assert (found.test, found.gained, found.lost, found.n) == ("McNemar", 19, 7, 76)
    assert found.mean == pytest.approx(12 / 76)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_the_test_of_signs_is_scipys(wins: int, losses: int) -> None:
    expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert binomial_two_sided(wins, losses) == pytest.approx(expected, rel=1e-8, abs=1e-250)


def test_numbers_are_compared_by_scipys_paired_t() -> None:
    found, expected = compare(FIRST, SECOND), stats.ttest_rel(SECOND, FIRST)
    interval = expected.confidence_interval()
    assert (found.p, found.low, found.high) == pytest.approx((expected.pvalue, interval.low, interval.high), rel=1e-8)


def test_clusters_are_heard_once() -> None:
    first, second = [0.0] * 12, [1.0] * 12
    alone = compare(first, second)
    together = compare(first, second, ["one passage"] * 12)
    assert alone.p < 0.001
    assert (together.p, together.test) == (1.0, "none")
    half = compare([0.0] * 12, [1.0, 0.0] * 6, [str(place // 4) for place in range(12)])
    assert half.test == "paired t, clustered"


def test_holm_is_statsmodels() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.5])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_only_raises(ps: list[float]) -> None:
    found = holm(ps)
    assert all(after >= before for before, after in zip(ps, found, strict=True))
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    assert [found[place] for place in order] == sorted(found)
    assert all(value <= 1 for value in found)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40))
def test_a_difference_turns_its_sign_with_the_models(pairs: list[tuple[float, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    there, back = compare(first, second), compare(second, first)
    assert there.mean == pytest.approx(-back.mean)
    assert there.p == pytest.approx(back.p)
    assert (there.gained, there.lost) == (back.lost, back.gained)


def test_an_average_is_surer_than_each_of_its_tasks() -> None:
    one = compare(FIRST, SECOND)
    both = combine([one, one])
    assert both.mean == pytest.approx(one.mean)
    assert both.se == pytest.approx(one.se / 2**0.5)


def test_the_smallest_difference_that_is_shown_is_shown_in_four_of_five_cases() -> None:
    needed = 785
    shown = 0
    for _ in range(400):
        change = CHANCE.normal(0.05, 0.5, needed)
        shown += stats.ttest_1samp(change, 0).pvalue < 0.05
    assert 0.74 < shown / 400 < 0.86
    assert smallest_shown(0.5 / needed**0.5) == pytest.approx(0.05, rel=0.01)


def test_ranks_are_as_wide_as_the_differences_leave_them() -> None:
    scores = {"best": [1.0] * 60, "good": [1.0] * 57 + [0.0] * 3, "poor": [1.0] * 10 + [0.0] * 50}
    names = list(scores)
    pairs = {(a, b): compare(scores[a], scores[b]) for place, a in enumerate(names) for b in names[place + 1 :]}
    found = rank_intervals(names, pairs, corrected(pairs))
    assert found == {"best": (1, 2), "good": (1, 2), "poor": (3, 3)}
    assert rank_intervals(names, pairs, corrected(pairs), higher=False)["poor"] == (1, 1)
