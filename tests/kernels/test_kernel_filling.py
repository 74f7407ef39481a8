"""Rows are filled as a plain best fit fills them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmloop.kernels.filling import fill


def plain(lengths, room):
    rows, left = [], []
    for place in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        fitting = [row for row in range(len(rows)) if left[row] >= lengths[place] and left[row] > 0]
        if not fitting:
            rows.append([])
            left.append(room)
            fitting = [len(rows) - 1]
        row = min(fitting, key=lambda n: left[n])
        rows[row].append(place)
        left[row] -= lengths[place]
    return rows, left


@given(st.integers(1, 40).flatmap(lambda room: st.tuples(st.just(room), st.lists(st.integers(1, room), max_size=80))))
def test_every_text_is_in_one_row_and_the_rooms_left_are_those_of_best_fit(case):
    room, lengths = case
    rows = fill(np.array(lengths, np.int64), room)
    assert sorted(np.concatenate(rows).tolist() if rows else []) == list(range(len(lengths)))
    left = [room - sum(lengths[n] for n in row.tolist()) for row in rows]
    assert min(left, default=0) >= 0
    assert sorted(left) == sorted(plain(lengths, room)[1])


def test_it_is_tight_and_fast_on_many_texts():
    lengths = np.random.default_rng(0).integers(1, 900, 60_000)
    rows = fill(lengths, 1024)
    assert lengths.sum() / (len(rows) * 1024) > 0.99
