"""Calibration, held against plain references, worked examples, and scikit-learn's numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.scoring.calibration import (
    average_precision,
    bins,
    brier,
    calibration_error,
    entropy,
    risk_area,
    risk_coverage,
    roc_area,
)

ANSWERS = st.lists(st.tuples(st.booleans(), st.integers(0, 8).map(lambda n: n / 8)), min_size=1, max_size=40)


def apart(pairs):
    return [hit for hit, _ in pairs], [level for _, level in pairs]


def plain_precision(right, sure):
    """Sum precision times the gain of recall over all thresholds, from the formula."""
    total, area, before = sum(right), 0.0, 0.0
    for limit in sorted(set(sure), reverse=True):
        held = [hit for hit, level in zip(right, sure, strict=True) if level >= limit]
        recall = sum(held) / total
        area += (recall - before) * sum(held) / len(held)
        before = recall
    return area


@given(ANSWERS)
def test_average_precision_is_that_of_its_formula(pairs):
    right, sure = apart(pairs)
    expected = plain_precision(right, sure) if any(right) else 0.0
    assert average_precision(right, sure) == pytest.approx(expected)


@given(ANSWERS)
def test_average_precision_and_roc_area_are_those_of_scikit_learn(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    right, sure = apart(pairs)
    if any(right) and not all(right):
        assert average_precision(right, sure) == pytest.approx(metrics.average_precision_score(right, sure))
        assert roc_area(right, sure) == pytest.approx(metrics.roc_auc_score(right, sure))
        assert brier(right, sure) == pytest.approx(metrics.brier_score_loss(right, sure))


def test_numbers_that_scikit_learn_gave():
    # average_precision_score, roc_auc_score and brier_score_loss of scikit-learn's own example, and one with ties
    right, sure = [False, False, True, True], [0.1, 0.4, 0.35, 0.8]
    assert average_precision(right, sure) == pytest.approx(0.8333333333)
    assert roc_area(right, sure) == pytest.approx(0.75)
    assert brier(right, sure) == pytest.approx(0.158125)
    assert average_precision([True, False, True, False], [0.5, 0.5, 0.5, 0.1]) == pytest.approx(2 / 3)


@given(ANSWERS)
def test_roc_area_counts_pairs(pairs):
    right, sure = apart(pairs)
    wins = [
        (sure[i] > sure[j]) + 0.5 * (sure[i] == sure[j])
        for i in range(len(right))
        for j in range(len(right))
        if right[i] and not right[j]
    ]
    found = roc_area(right, sure)
    assert found is None if not wins else found == pytest.approx(sum(wins) / len(wins))


def test_calibration_error_of_a_worked_example():
    right, sure = [True, False, True, True], [0.15, 0.2, 0.95, 0.85]
    # (0.1, 0.2]: half right, 0.175 sure; (0.9, 1]: right, 0.95; (0.8, 0.9]: right, 0.85
    assert calibration_error(right, sure) == pytest.approx((2 * 0.325 + 0.05 + 0.15) / 4)
    assert [each.count for each in bins(right, sure)] == [2, 1, 1]
    assert [each.count for each in bins([True, False], [0.0, 1.0])] == [1, 1]


@given(ANSWERS)
def test_calibration_error_lies_between_the_total_bias_and_one(pairs):
    right, sure = apart(pairs)
    bias = abs(sum(right) - sum(sure)) / len(right)
    assert bias - 1e-9 <= calibration_error(right, sure) <= 1
    assert sum(each.count for each in bins(right, sure)) == len(right)


@given(ANSWERS)
def test_risk_ends_where_all_is_answered(pairs):
    right, sure = apart(pairs)
    points = risk_coverage(right, sure)
    assert points[-1].coverage == 1
    assert points[-1].risk == pytest.approx(1 - sum(right) / len(right))
    for point in points:
        held = sorted(sure, reverse=True)[: round(point.coverage * len(right))][-1]
        some = [hit for hit, level in zip(right, sure, strict=True) if level >= held]
        assert point.risk == pytest.approx(1 - sum(some) / len(some))
    assert 0 <= risk_area(right, sure) <= 1


def test_a_perfect_order_has_no_risk_before_the_wrong_ones():
    points = risk_coverage([False, True, True], [0.1, 0.9, 0.8])
    assert [(point.coverage, point.risk) for point in points] == [
        (pytest.approx(1 / 3), 0),
        (pytest.approx(2 / 3), 0),
        (1, pytest.approx(1 / 3)),
    ]
    assert risk_area([False, True, True], [0.1, 0.9, 0.8]) == pytest.approx(1 / 9)


def test_entropy_is_in_nats_and_of_counts_or_shares():
    assert entropy({"a": 5}) == 0
    assert entropy({"a": 2, "b": 2}) == pytest.approx(math.log(2))
    assert entropy([0.25, 0.25, 0.5, 0.0]) == pytest.approx(1.5 * math.log(2))
