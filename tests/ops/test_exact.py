import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.ops.exact import Exact


@given(st.lists(st.text(alphabet="ab文 ", max_size=3)))
def test_the_first_of_each_text_stays(texts):
    assert Exact()(texts).texts == list(dict.fromkeys(texts))


@pytest.mark.parametrize(("loose", "kept"), [(False, 3), (True, 1)])
def test_loose_looks_past_case_accents_digits_and_punctuation(loose, kept):
    assert len(Exact(loose=loose)(["Café no. 1!", "cafe no 2", "CAFÉ, NO: 37"]).texts) == kept


def test_copies_know_the_row_that_stayed():
    outcome = Exact()(["a", "b", "a", "a"])
    assert outcome.reasons == {"duplicate": 2}
    assert outcome.dropped.column("stats.exact.cluster").to_pylist() == [0, 0]
    assert outcome.batch.column("stats.exact.cluster").to_pylist() == [0, None]
