from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.batch import from_records
from lmloop.core.record import Record
from lmloop.ops.mix import Mix
from lmloop.ops.sample import Sample

IDS = [f"row{i}" for i in range(4000)]
MANY = from_records(Record("x", id=row) for row in IDS)


def drawn(share: float, seed: int = 0) -> set[str]:
    return set(Sample(share=share, seed=seed).apply(MANY).batch.column("id").to_pylist())


def test_a_share_is_about_that_share_and_grows():
    assert abs(len(drawn(0.25)) - 1000) < 120
    assert drawn(0) == set()
    assert drawn(1) == set(IDS)
    assert drawn(0.1) < drawn(0.2) < drawn(0.7)


def test_seeds_draw_independently():
    both = drawn(0.5) & drawn(0.5, seed=1)
    assert abs(len(both) - 1000) < 120


def test_a_new_document_changes_nothing_for_others():
    assert set(Sample(share=0.5).apply(MANY.slice(0, 100)).batch.column("id").to_pylist()) == drawn(0.5) & set(
        IDS[:100]
    )


SIZES = {"web": 6000, "书": 3000, "code": 500, "other": 100}
CORPUS = from_records(
    Record("x" * 10, meta={"kind": kind}, id=f"{kind}{i}") for kind, size in SIZES.items() for i in range(size // 10)
)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"web": 2, "书": 1}, {"web": 6000, "书": 3000}),
        ({"web": 1, "书": 1}, {"web": 3000, "书": 3000}),
        ({"web": 8, "书": 1, "code": 1}, {"web": 4000, "书": 500, "code": 500}),
        ({"web": 1, "书": 0}, {"web": 6000}),
    ],
)
def test_sources_have_their_shares_of_the_text(weights, expected):
    outcome = Mix(weights=weights).apply(CORPUS)
    kept = Counter(row.rstrip("0123456789") for row in outcome.batch.column("id").to_pylist())
    assert {kind: 10 * count for kind, count in kept.items()} == expected
    dropped = outcome.reasons
    assert dropped["no-weight"] == sum(SIZES[kind] for kind in SIZES if kind not in weights) // 10
    assert dropped.total() + outcome.batch.num_rows == CORPUS.num_rows


@given(st.integers(0, 5))
def test_the_draw_hangs_on_the_seed_alone(seed):
    op = Mix(weights={"web": 1, "书": 1}, seed=seed)
    shuffled = CORPUS.take(list(reversed(range(CORPUS.num_rows))))
    assert set(op.apply(CORPUS).batch.column("id").to_pylist()) == set(
        op.apply(shuffled).batch.column("id").to_pylist()
    )


@given(st.integers(1, 40), st.integers(0, 3), st.sampled_from([(1.0, 1.0), (3.0, 1.0), (1.0, 0.0), (0.0, 0.0)]))
def test_parts_of_the_key_space_make_no_difference(parts, seed, weights):
    op = Mix(weights=dict(zip(("web", "书"), weights, strict=True)), seed=seed)
    numbers = np.arange(CORPUS.num_rows, dtype=np.uint64) * np.uint64(7)
    keyed = op.map(CORPUS, numbers).sort_by([("key", "ascending"), ("row", "ascending")])
    part = (keyed.column("key").to_numpy() >> np.uint64(32)) * np.uint64(parts) >> np.uint64(32)
    found = [op.reduce(keyed.filter(pa.array(part == number))) for number in range(parts)]
    decided = pa.concat_tables(op.settle(found))
    assert decided.column("row").to_pylist() == numbers.tolist()
    expected = plain(keyed, op)
    assert dict(zip(decided["row"].to_pylist(), decided["code"].to_pylist(), strict=True)) == expected


def plain(keyed, op):
    """Draw one document after another until a source has no room left."""
    rows = keyed.to_pylist()
    parts = [op.weights[name] for name in sorted(op.weights)]
    has = [sum(row["size"] for row in rows if row["source"] == k) for k in range(len(parts))]
    scale = min((have / part for have, part in zip(has, parts, strict=True) if part), default=0)
    taken, codes = [0] * len(parts), {}
    for row in rows:
        k = row["source"]
        codes[row["row"]] = 2 if k < 0 else int(taken[k] >= scale * parts[k])
        if k >= 0:
            taken[k] += row["size"]
    return codes
