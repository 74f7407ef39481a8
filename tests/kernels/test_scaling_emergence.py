import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.kernels.scaling.emergence import Series, brier, chance_band, edit_similarity, judge, shape, spearman

SCALE = -np.linspace(3.6, 1.9, 10)
P = np.exp(-(-SCALE - 1.75) * 0.9)


def exact(scores, items=400, chance=0.0):
    return Series("t", "exact_match", False, SCALE, np.asarray(scores), chance, items)


def smooth(scores):
    return Series("t", "log_likelihood", True, SCALE, np.asarray(scores))


def test_an_even_rise_has_n_minus_one_for_both():
    found = shape(smooth(np.linspace(-2, -1, 10)))
    assert found.linearity == pytest.approx(9)
    assert found.breakthroughness == pytest.approx(9)
    assert found.rho == pytest.approx(1)
    assert not found.sharp


def test_a_jump_breaks_through():
    found = shape(exact([0.0] * 5 + [0.02, 0.01, 0.03, 0.02, 0.9]))
    assert found.linearity < 4
    assert found.breakthroughness > 50
    assert found.sharp
    assert shape(exact([0.0] * 9 + [0.9])).breakthroughness == float("inf")
    assert shape(exact([0.0] * 10)).breakthroughness == 0


def test_twenty_tokens_at_once_jump_and_their_likelihood_climbs():
    assert judge([exact(P**20), smooth(np.log(P))]) == "smooth under a continuous metric"
    assert judge([exact(P), smooth(np.log(P))]) == "smooth"
    assert judge([exact(P**20)]) == "sharp; no continuous metric given"


def test_other_verdicts():
    noise = np.random.default_rng(0).normal(0, 0.02, 10)
    assert judge([exact(0.25 + noise, chance=0.25), smooth(noise)]) == "no signal"
    assert judge([exact(0.4 - P / 3), smooth(-P)]) == "inverse"
    step = np.r_[np.full(5, -2.0), np.full(5, -0.1)] + np.linspace(0, 1e-3, 10)
    assert judge([exact(np.r_[np.zeros(5), np.ones(5)]), smooth(step)]) == "sharp under every metric"
    few = Series("t", "m", True, SCALE[:3], P[:3])
    assert judge([few]) == "too few models"


def bunched(scores, scale, continuous=True):
    return Series("t", "m", continuous, np.asarray(scale), np.asarray(scores))


def test_a_climb_over_bunched_models_is_no_jump():
    """All small steps but one, as the models are: the slope is the same everywhere."""
    losses = np.array([6.02, 6.0, 5.95, 5.9, 5.2, 5.1, 5.05])
    found = shape(bunched(-losses, -losses))
    assert found.breakthroughness == pytest.approx(found.linearity)
    assert not found.sharp
    assert judge([bunched(-losses, -losses), bunched(-losses, -losses, continuous=False)]) == "smooth"


def test_sizes_stand_apart_by_their_logarithm():
    sizes = np.array([1.0, 1.4, 2, 2.8, 1000, 1400, 2000])
    found = shape(bunched(np.log(sizes), sizes))
    assert found.linearity == pytest.approx(6)
    assert found.breakthroughness == pytest.approx(6)


def test_a_jump_between_near_models_is_still_one():
    losses = np.array([6.02, 6.0, 5.9, 5.4, 5.35, 5.0, 4.6])
    found = shape(bunched([0, 0.001, 0.002, 0.01, 0.8, 0.805, 0.81], -losses))
    assert found.sharp
    assert found.breakthroughness > 10 * found.linearity


def test_models_that_stand_in_one_place_are_one():
    """What two models of nearly one loss differ by is noise, and no slope."""
    losses = np.array([6.0, 6.0 - 1e-9, 5.0, 4.0, 3.0])
    found = shape(bunched([0.9, 1.1, 2.0, 3.0, 4.0], -losses))
    assert found.linearity == pytest.approx(3)
    assert found.breakthroughness == pytest.approx(3)
    two_places = -np.array([6.0, 6.001, 6.002, 5.0, 5.001, 5.002])[::-1]
    assert judge([bunched(two_places, np.sort(two_places))]) == "too few models"


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=9), st.floats(0.1, 9), st.floats(-9, 9))
def test_over_an_even_ladder_it_is_what_was_published(scores, gap, start):
    steps = np.diff(scores)
    gain = (max(scores) - min(scores)) * (1 if np.argmax(scores) >= np.argmin(scores) else -1)
    found = shape(bunched(scores, -start - 20 + gap * np.arange(len(scores)) - 100))
    middle = np.sqrt(np.median(steps**2))
    if middle > 1e-6:
        assert found.linearity == pytest.approx(gain / np.sqrt(np.mean(steps**2)), rel=1e-4)
        assert found.breakthroughness == pytest.approx(gain / middle, rel=1e-4)


def test_the_chance_band_is_the_binomial_one():
    low, high = chance_band(0.25, 400)
    assert (low, high) == (pytest.approx(0.2075), pytest.approx(0.2925))
    assert chance_band(0.25, 0) == (0.25, 0.25)


def test_ranks_share_ties():
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 1, 2, 2])) == pytest.approx(0.894427, abs=1e-6)
    assert spearman(np.array([1.0, 2]), np.array([5.0, 5])) == 0


def test_brier():
    assert brier([0.0, -1e9], 0) == pytest.approx(0)
    assert brier([0.0, -1e9], 1) == pytest.approx(2)
    assert brier([-5.0] * 4, 2) == pytest.approx(0.75)


def plain_distance(a, b):
    """The recursion as Levenshtein wrote it."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        plain_distance(a[1:], b) + 1, plain_distance(a, b[1:]) + 1, plain_distance(a[1:], b[1:]) + (a[0] != b[0])
    )


@given(st.lists(st.integers(0, 2), max_size=5), st.lists(st.integers(0, 2), max_size=5))
def test_edit_similarity_is_one_minus_the_distance_over_the_longer(a, b):
    longer = max(len(a), len(b))
    expected = 1 - plain_distance(a, b) / longer if longer else 1.0
    assert edit_similarity(a, b) == pytest.approx(expected)
