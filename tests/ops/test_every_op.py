"""What holds for every op that judges or changes one row at a time, on texts that nobody would write."""

from collections import Counter
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from op_texts import COLUMNS, EDGES, TEXTS

from lmloop.core.batch import from_records
from lmloop.core.listing import names
from lmloop.core.op import Barrier, Op
from lmloop.core.part import build, find
from lmloop.core.record import Record, Turn


@cache
def example(name: str) -> Op:
    op = find("ops", name).example()
    assert isinstance(op, Op)
    return op


SINGLE = [name for name in names("ops") if not isinstance(example(name), Barrier)]
TURNS = st.lists(st.builds(Turn, st.sampled_from(["user", "assistant", "system", "tool", "?"]), TEXTS), max_size=4)
RECORDS = st.lists(
    st.builds(
        lambda text, turns, url: Record(text, tuple(turns), meta={"url": url, "source": url}), TEXTS, TURNS, TEXTS
    ),
    max_size=4,
)


def named(records: list[Record]) -> list[Record]:
    return [Record(r.text, r.prompt, meta=r.meta, id=f"row{i}") for i, r in enumerate(records)]


@pytest.mark.parametrize("name", SINGLE)
@settings(max_examples=15)
@given(RECORDS)
def test_rows_are_kept_or_dropped_alone_as_among_others(name, records):
    op, batch = example(name), from_records(named(records))
    whole = op.apply(batch)
    rows = len({row.partition("#")[0] for row in whole.batch.column("id").to_pylist()})
    assert rows + whole.dropped.num_rows == len(records)
    assert whole.reasons.total() == whole.dropped.num_rows
    parts = [op.apply(batch.slice(i, 1)) for i in range(len(records))]
    assert whole.texts == [text for part in parts for text in part.texts]
    assert whole.reasons == sum((part.reasons for part in parts), Counter())


@pytest.mark.parametrize("name", SINGLE)
def test_empty_texts_and_lone_characters_pass_through(name):
    op = example(name)
    outcome = op(list(EDGES))
    rows = {row.partition("#")[0] for row in outcome.batch.column("id").to_pylist()}
    assert len(rows) + outcome.dropped.num_rows == len(EDGES)


@pytest.mark.parametrize(
    "spec",
    [
        *("unicode", {"use": "unicode", "form": "NFKC"}, "whitespace", "chinese-script", "pii"),
        {"use": "clean-lines", "max_removed_words": 1},
        {"use": "boilerplate", "max_removed": 1},
        {"use": "whitespace", "blank_lines": 0, "between_han": True},
        {"use": "c4", "min_sentences": 0},
    ],
    ids=str,
)
@settings(max_examples=60)
@given(COLUMNS)
def test_what_cleans_has_nothing_to_do_the_second_time(spec, texts):
    op = build("ops", spec)
    assert isinstance(op, Op)
    once = op(texts)
    again = op.apply(once.batch)
    assert (again.texts, again.reasons) == (once.texts, Counter())
