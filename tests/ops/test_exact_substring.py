from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmloop.core.batch import from_texts
from lmloop.core.op import DoubleBarrier
from lmloop.kernels import substrings
from lmloop.kernels.overlap import Units
from lmloop.kernels.text import text_buffer
from lmloop.ops.exact_substring import ExactSubstring
from lmloop.testing.ops import check_barrier, check_op

Span = tuple[int, int]


def cut_words(text: str) -> list[Span]:
    units = substrings.word_units(text_buffer(pa.array([text])))
    starts = [len(text.encode()[:place].decode()) for place in units.start.tolist()]
    stops = [
        len(text.encode()[: a + b].decode()) for a, b in zip(units.start.tolist(), units.width.tolist(), strict=True)
    ]
    return list(zip(starts, stops, strict=True))


def plain(texts: list[str], op: ExactSubstring) -> list[str]:
    """Cut by the definition: every window of every text is looked for in all others."""
    units = [cut_words(t) if op.unit == "word" else [(i, i + 1) for i in range(len(t))] for t in texts]
    windows = [
        (d, i, tuple(texts[d][a:b] for a, b in spans[i : i + op.n]))
        for d, spans in enumerate(units)
        for i in range(len(spans) - op.n + 1)
    ]
    counts: dict[Any, int] = {}
    for *_, window in windows:
        counts[window] = counts.get(window, 0) + 1
    gone, met = [set[int]() for _ in texts], set[Any]()
    for d, i, window in windows:
        if window in met or (op.keep == "none" and counts[window] > 1):
            gone[d].update(range(i, i + op.n))
        met.add(window)
    left = []
    for d, text in enumerate(texts):
        edges = [a for a, _ in units[d]] + [len(text)]
        kept = text[: edges[0]] + "".join(text[a:b] for i, (a, b) in enumerate(pairwise(edges)) if i not in gone[d])
        if not gone[d] or len(gone[d]) < len(units[d]):
            left.append(kept)
    return left


TEXTS = st.lists(st.text(alphabet="ab 中\n", max_size=30), max_size=6)
OPS = st.builds(
    ExactSubstring,
    n=st.integers(1, 7),
    unit=st.sampled_from(["word", "character"]),
    keep=st.sampled_from(["first", "none"]),
)


@given(TEXTS, OPS)
@settings(max_examples=300)
def test_all_that_stands_twice_is_cut_and_nothing_else(texts, op):
    assert op(texts).texts == plain(texts, op)


@given(TEXTS, OPS)
def test_hashes_that_all_collide_change_nothing(texts, op):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("word_units", "character_units"):
            patch.setattr(f"lmloop.ops.exact_substring.{name}", collide(getattr(substrings, name)))
        assert op(texts).texts == plain(texts, op)


def collide(cut: Any) -> Any:
    def same_hash(buffer: Any) -> Units:
        units = cut(buffer)
        return Units(units.data, units.hash & np.uint64(1), *units[2:])

    return same_hash


LONG = st.lists(st.lists(st.sampled_from(["red ", "green ", "蓝", "。\n", "x "]), max_size=120), min_size=2, max_size=5)


@given(LONG, st.integers(5, 20), st.randoms(use_true_random=False))
def test_copied_passages_of_longer_texts(parts, n, random):
    for part in parts[1:]:  # plant a passage of another text
        source = random.choice(parts)
        start = random.randrange(len(source) + 1)
        part[len(part) // 2 : len(part) // 2] = source[start : start + random.randrange(2 * n)]
    texts = ["".join(part) for part in parts]
    op = ExactSubstring(n=n)
    assert op(texts).texts == plain(texts, op)


def test_a_licence_stays_where_it_stands_first_and_white_space_is_no_difference():
    licence = " ".join(f"clause{i} applies," for i in range(30))
    texts = [f"First program.\n\n{licence}\n", f"第二个程序。\n\n{licence.replace(' ', chr(10))}\n\n结尾在这里。"]
    outcome = ExactSubstring()(texts)
    assert outcome.texts == [texts[0], "第二个程序。\n\n结尾在这里。"]
    assert outcome.batch.column("stats.exact-substring.spans_cut").to_pylist() == [0, 1]
    assert ExactSubstring(keep="none")(texts).texts == ["First program.\n\n", "第二个程序。\n\n结尾在这里。"]


def test_a_document_goes_of_which_little_is_left():
    passage = "".join(chr(0x4E00 + i) for i in range(60))
    texts = [passage, passage, "开头" + passage, passage[:40]]
    outcome = ExactSubstring(min_left=0.5)(texts)
    assert outcome.texts == [passage, passage[:40]]
    assert outcome.reasons == {"nothing-left": 1, "little-left": 1}
    assert ExactSubstring()(texts).texts == [passage, "开头", passage[:40]]


def test_copies_that_overlap_leave_one_period_and_take_no_time():
    outcome = ExactSubstring(unit="character", n=100)(["x" * 300_000, "y" * 300_000 + "x" * 200])
    assert outcome.texts == ["x", "y"]


@pytest.mark.parametrize("op", [ExactSubstring(n=4), ExactSubstring(n=9, unit="character", keep="none", min_left=0.3)])
def test_the_battery(op: DoubleBarrier) -> None:
    check_op(op)


def test_partitions_and_cuts_make_no_difference_to_many_copies():
    random = np.random.default_rng(3)
    words = [f"w{k}" for k in range(40)]
    passages = [" ".join(random.choice(words, 12)) for _ in range(6)]
    texts = [" ".join(random.choice([*passages, *words], 9)) for _ in range(50)]
    op = ExactSubstring(n=5)
    check_barrier(op, from_texts(texts))
    assert op(texts).texts == plain(texts, op)
