import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmloop.kernels.groups import Edges, connected_components, equal_keys

ROWS = st.integers(0, 12) | st.sampled_from([1 << 40, (1 << 64) - 1, (1 << 63) + 5])
PAIRS = st.lists(st.tuples(ROWS, ROWS), max_size=25)


def components(pairs: list[tuple[int, int]]) -> dict[int, int]:
    smallest = {row: row for pair in pairs for row in pair}
    for _ in pairs:
        for a, b in pairs:
            smallest[a] = smallest[b] = min(smallest[a], smallest[b])
    return smallest


def edges(pairs: list[tuple[int, int]]) -> Edges:
    array = np.array(pairs, np.uint64).reshape(-1, 2)
    return Edges(array[:, 0], array[:, 1])


@given(PAIRS, st.randoms(use_true_random=False))
def test_components_whatever_the_order_of_the_edges(pairs, random):
    for _ in range(2):
        groups = connected_components(edges(pairs))
        found = dict(zip(groups.rows.tolist(), groups.representatives.tolist(), strict=True))
        assert found == components(pairs)
        assert (np.diff(groups.rows.astype(object)) > 0).all()
        pairs = [pair[:: random.choice((1, -1))] for pair in pairs]
        random.shuffle(pairs)


def test_a_long_chain():
    rows = np.random.default_rng(0).permutation(np.arange(5, 20_005)).astype(np.uint64)
    groups = connected_components(Edges(rows[:-1], rows[1:]))
    assert (groups.representatives == 5).all()


@given(st.lists(st.integers(0, 5), max_size=20), st.integers(1, 2))
def test_equal_keys_are_linked_to_the_smallest_row(values, parts):
    keys = np.repeat(np.array(values, np.uint64)[:, None], parts, axis=1)
    rows = np.random.default_rng(len(values)).permutation(len(values)).astype(np.uint64) + np.uint64(1 << 63)
    found = equal_keys(keys if parts == 2 else keys[:, 0], rows)
    expected = set()
    for value in set(values):
        members = sorted(row for row, key in zip(rows.tolist(), values, strict=True) if key == value)
        expected |= {(members[0], row) for row in members[1:]}
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == expected
    assert len(found.left) == len(expected)
