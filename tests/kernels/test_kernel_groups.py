from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmloop.kernels.groups import Edges, Groups, connected_components, equal_keys

ROWS = st.integers(0, 12) | st.sampled_from([1 << 40, (1 << 64) - 1, (1 << 63) + 5])
PAIRS = st.lists(st.tuples(ROWS, ROWS), max_size=25)


def components(pairs: list[tuple[int, int]]) -> dict[int, int]:
    smallest = {row: row for pair in pairs for row in pair}
    for _ in pairs:
        for a, b in pairs:
            smallest[a] = smallest[b] = min(smallest[a], smallest[b])
    return smallest


def whole(*parts: Edges) -> Groups:
    """Put what comes in slices together."""
    return Groups(*map(np.concatenate, zip(*connected_components(parts), strict=True)))


def edges(pairs: list[tuple[int, int]]) -> Edges:
    array = np.array(pairs, np.uint64).reshape(-1, 2)
    return Edges(array[:, 0], array[:, 1])


@given(PAIRS, st.randoms(use_true_random=False))
def test_components_whatever_the_order_of_the_edges(pairs, random):
    for _ in range(2):
        groups = whole(edges(pairs[:3]), edges(pairs[3:]))
        found = dict(zip(groups.rows.tolist(), groups.kept.tolist(), strict=True))
        assert found == components(pairs)
        assert (np.diff(groups.rows.astype(object)) > 0).all()
        sizes = Counter(found.values())
        assert groups.size.tolist() == [sizes[kept] for kept in groups.kept.tolist()]
        pairs = [pair[:: random.choice((1, -1))] for pair in pairs]
        random.shuffle(pairs)


def test_a_long_chain():
    rows = np.random.default_rng(0).permutation(np.arange(5, 20_005)).astype(np.uint64)
    groups = whole(Edges(rows[:-1], rows[1:]))
    assert (groups.kept == 5).all()
    assert (groups.size == 20_000).all()


@given(PAIRS)
def test_the_row_of_least_rank_stays_and_of_equals_the_first(pairs):
    def rank(rows):
        return rows % np.uint64(3)

    plain = edges(pairs)
    groups = whole(Edges(*plain[:2], rank(plain.left), rank(plain.right)))
    first = components(pairs)
    for row, kept in zip(groups.rows.tolist(), groups.kept.tolist(), strict=True):
        members = [other for other in first if first[other] == first[row]]
        assert kept == min(members, key=lambda member: (member % 3, member))


def test_rows_of_many_shards_take_no_more_room_than_pages(monkeypatch):
    monkeypatch.setattr("lmloop.kernels.groups.SLICE", 100)
    shards = np.repeat(np.arange(40, dtype=np.uint64) << np.uint64(40), 50)
    rows = shards + np.tile(np.arange(50, dtype=np.uint64), 40)
    parts = list(connected_components([Edges(rows[:-1:2], rows[1::2])]))
    assert len(parts) == -(-40 * 1024 // 100)
    assert np.array_equal(np.concatenate([part.rows for part in parts]), rows)
    assert np.array_equal(np.concatenate([part.kept for part in parts]), np.repeat(rows[::2], 2))


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
