import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmloop.kernels.order import Mixture, shuffled


@given(size=st.integers(1, 3000), name=st.text(max_size=5))
def test_every_place_is_met_exactly_once(size, name):
    assert sorted(shuffled(np.arange(size), size, name).tolist()) == list(range(size))


def test_a_part_is_what_the_whole_says_and_names_differ():
    whole = shuffled(np.arange(1000), 1000, "a")
    assert np.array_equal(shuffled(np.arange(300, 400), 1000, "a"), whole[300:400])
    other = shuffled(np.arange(1000), 1000, "b")
    assert (whole == other).mean() < 0.02
    assert abs(np.corrcoef(np.arange(1000), whole)[0, 1]) < 0.15


@given(
    weights=st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 10)), min_size=1, max_size=5),
    rows=st.integers(1, 40),
    steps=st.integers(1, 60),
)
def test_a_mixture_gives_whole_steps_and_stays_within_a_row_of_its_weights(weights, rows, steps):
    curves = {f"s{n}": [(0.0, first), (1.0, last)] for n, (first, last) in enumerate(weights)}
    mixture = Mixture(curves, rows, steps)
    counts = np.diff(mixture.taken, axis=0)
    assert (counts >= 0).all()
    assert (counts.sum(axis=1) == rows).all()
    progress = (np.arange(steps) + 0.5) / steps
    table = np.stack([first + (last - first) * progress for first, last in weights], axis=1)
    wanted = np.cumsum(rows * table / table.sum(axis=1, keepdims=True), axis=0)
    assert np.abs(mixture.taken[1:] - wanted).max() <= len(weights)


def test_steps_behind_the_end_go_on_with_the_last_weights():
    mixture = Mixture({"a": [(0.0, 1.0)], "b": [(0.0, 3.0)]}, 8, 10)
    assert mixture.before(12).tolist() == [24, 72]
