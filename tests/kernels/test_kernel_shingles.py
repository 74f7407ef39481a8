from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_texts import buffer_of
from test_kernel_hashing import fold, plain_hash

from lmloop.kernels.groups import connected_components
from lmloop.kernels.hashing import GOLDEN, ROOT_3
from lmloop.kernels.minhash import minhash, shingles
from lmloop.kernels.shingles import Shingles, alike, s_curve, set_signatures, shingle_sets

TEXTS = st.lists(st.text(alphabet="aB 中\n文 é", max_size=14), max_size=6)


def sets_of(found: Shingles) -> list[set[int]]:
    return [set(found.hash[a:b].tolist()) for a, b in zip(found.first[:-1], found.first[1:], strict=True)]


def plain_words(text: str, n: int) -> set[int]:
    words = [plain_hash(word.encode()) for word in text.lower().split()]
    n, found = min(n, len(words)), set()
    for i in range(len(words) - n + 1 if words else 0):
        state = int(GOLDEN)
        for word in words[i : i + n]:
            state = fold(state ^ word, int(ROOT_3))
        found.add(state)
    return found


@given(TEXTS, st.integers(1, 4))
def test_shingles_are_those_of_the_definition(texts, n):
    column = pa.array(texts, pa.string())
    characters = [{plain_hash(t[i : i + n].encode()) for i in range(max(len(t) - n, 0) + 1 if t else 0)} for t in texts]
    assert sets_of(shingle_sets(column, "character", n)) == characters
    assert sets_of(shingle_sets(column, "space", n)) == [plain_words(text, n) for text in texts]
    assert sets_of(shingle_sets(column, "word", n)) == [set(one.tolist()) for one in shingles(buffer_of(*texts), n)]


def test_signatures_from_sets_are_those_from_texts():
    texts = ["one two three four five six, 中文也一样。", "", "two"]
    whole, sets = minhash(buffer_of(*texts), 3, 2, 2, 9), shingle_sets(pa.array(texts), "word", 2)
    found = set_signatures(sets, 3, 2, 9)
    np.testing.assert_array_equal(found.keys, whole.keys)
    np.testing.assert_array_equal(found.minima, whole.minima)
    assert found.units.tolist() == [10, 0, 1]


SETS = st.lists(st.tuples(st.integers(0, 1), st.lists(st.integers(0, 3), min_size=2, max_size=2),
                          st.sets(st.integers(0, 5), max_size=5)), max_size=9)  # fmt: skip


@given(SETS, st.sampled_from([0.2, 0.5, 1.0]))
def test_pairs_of_a_group_that_share_a_band_and_are_alike_hang_together(rows, least):
    rows.sort(key=lambda row: row[0])
    groups, bands, sets = ([row[k] for row in rows] for k in range(3))
    first = np.cumsum([0, *map(len, sets)])
    hashes = np.array([hash for one in sets for hash in sorted(one)], np.uint64)
    keys = np.array(bands, np.uint64).reshape(-1, 2)
    numbers = np.arange(len(rows), dtype=np.uint64)
    edges = alike(numbers, np.array(groups, np.uint64), keys, Shingles(hashes, first), least)
    linked = {
        (i, j)
        for i, j in combinations(range(len(rows)), 2)
        if groups[i] == groups[j]
        and any(a == b for a, b in zip(bands[i], bands[j], strict=True))
        and sets[i] | sets[j]
        and len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= least
    }
    assert set(zip(edges.left.tolist(), edges.right.tolist(), strict=True)) <= linked
    stands = list(range(len(rows)))
    for _ in rows:
        for i, j in linked:
            stands[i] = stands[j] = min(stands[i], stands[j])
    found = list(range(len(rows)))
    for part in connected_components([edges]):
        for row, kept in zip(part.rows.tolist(), part.kept.tolist(), strict=True):
            found[row] = kept
    assert found == stands


@pytest.mark.parametrize(("similarity", "chance"), [(0.75, 0.772), (0.5, 0.053), (1.0, 1.0), (0.0, 0.0)])
def test_the_curve_of_the_fineweb_sizes(similarity, chance):
    assert s_curve(np.array([similarity]), 14, 8)[0] == pytest.approx(chance, abs=1e-3)
