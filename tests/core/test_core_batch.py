"""Rows and columns hold the same, whatever the texts."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.batch import SCHEMA, conform, from_records, from_texts, meta_values, rows, stats_names, with_stats
from lmloop.core.record import Record, Turn

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
turns = st.builds(Turn, st.sampled_from(["system", "user", "assistant", "用户"]), texts)
values = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | texts
metas = st.dictionaries(texts, values | st.lists(values, max_size=2), max_size=3)


@st.composite
def records(draw: st.DrawFn) -> Record:
    choices = tuple(draw(st.lists(texts, max_size=4)))
    answer = draw(st.none() | st.sampled_from(range(len(choices)))) if choices else None
    prompt = tuple(draw(st.lists(turns, max_size=3)))
    return Record(draw(texts), prompt, choices, answer, draw(metas))


@given(st.lists(records(), max_size=6))
def test_records_survive_the_columns(given_records: list[Record]) -> None:
    batch = from_records(given_records)
    assert batch.schema == SCHEMA
    assert list(rows(batch)) == given_records
    assert list(rows(conform(pa.Table.from_batches([batch])))) == given_records


@given(records())
def test_the_id_is_that_of_the_content(record: Record) -> None:
    same = Record(record.text, record.prompt, record.choices, record.answer, {"other": 1})
    assert same.id == record.id
    assert len(record.id) == 16
    assert Record(record.text + "x", record.prompt, record.choices, record.answer).id != record.id


def test_an_answer_must_be_one_of_the_choices() -> None:
    with pytest.raises(ValueError, match="answer 2 is not one of 2 choices"):
        Record(choices=("a", "b"), answer=2)


def test_any_table_with_texts_is_brought_into_the_schema() -> None:
    table = pa.table({"text": ["a", "二", None], "extra": [1, 2, 3], "stats.op.n": [1, 2, 3]})
    batch = conform(table)
    assert batch.schema.names == [*SCHEMA.names, "stats.op.n"]
    assert batch.column("id").to_pylist()[:2] == [Record("a").id, Record("二").id]
    assert conform(pa.table({"text": pa.array([], pa.string())})).num_rows == 0


def test_statistics_are_added_and_replaced() -> None:
    batch = with_stats(from_texts(["a", "b"]), "op", {"n": [1, 2], "m": [0.5, 1.5]})
    batch = with_stats(batch, "op", {"n": [3, 4]})
    assert stats_names(batch.schema) == ["stats.op.n", "stats.op.m"]
    assert batch.column("stats.op.n").to_pylist() == [3, 4]


def test_half_a_surrogate_pair_in_meta_is_kept() -> None:
    batch = from_records([Record("x", meta={"source": "\udcff.txt"}), Record("y")])
    assert meta_values(batch, "source") == ["\udcff.txt", None]
