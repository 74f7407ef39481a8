import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.batch import from_records
from lmloop.core.errors import RecipeError
from lmloop.core.part import build
from lmloop.core.record import Record
from lmloop.ops.exact import Exact


@given(st.lists(st.text(alphabet="ab文 ", max_size=3)))
def test_the_first_of_each_text_stays(texts):
    assert Exact()(texts).texts == list(dict.fromkeys(texts))


SCORES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.just("9")


@given(
    st.lists(st.tuples(st.sampled_from(["a", "中", ""]), SCORES), max_size=9), st.sampled_from(["highest", "lowest"])
)
def test_the_row_with_the_best_number_stays_and_of_equals_the_first(rows, how):
    records = [Record(text, meta={"score": score}, id=str(i)) for i, (text, score) in enumerate(rows)]
    kept = Exact(keep=f"{how}:score")(from_records(records)).batch.column("id").to_pylist()

    def rank(i):
        score = rows[i][1]
        number = float(score) if isinstance(score, int | float) else math.nan
        return (True, 0, i) if math.isnan(number) else (False, -number if how == "highest" else number, i)

    groups = {text: [i for i, row in enumerate(rows) if row[0] == text] for text, _ in rows}
    assert kept == [str(i) for i in sorted(min(group, key=rank) for group in groups.values())]


@given(st.lists(st.text(alphabet="aá1 .", max_size=4)), st.sampled_from(["longest", "shortest"]))
def test_the_longest_or_shortest_stays(texts, keep):
    def plain(text):
        spaced = "".join(" " if letter == "." else letter for letter in text)
        form = " ".join(unicodedata.normalize("NFD", spaced).replace("\u0301", "").split())
        while "11" in form:
            form = form.replace("11", "1")
        return form.replace("1", "0")

    texts = ["" if "1.1" in text else text for text in texts]  # one number: another test's matter
    groups = {}
    for place, text in enumerate(texts):
        groups.setdefault(plain(text), []).append(place)
    sign = -1 if keep == "longest" else 1
    best = sorted(min(group, key=lambda i: (sign * len(texts[i]), i)) for group in groups.values())
    assert Exact(loose=True, keep=keep)(texts).texts == [texts[i] for i in best]


@pytest.mark.parametrize("keep", ["last", "highest", "highest:", "first:x"])
def test_other_ways_to_choose_are_a_mistake(keep):
    with pytest.raises(RecipeError, match="cannot keep"):
        build("ops", {"use": "exact", "keep": keep})


@pytest.mark.parametrize(("loose", "kept"), [(False, 3), (True, 1)])
def test_loose_looks_past_case_accents_digits_and_punctuation(loose, kept):
    assert len(Exact(loose=loose)(["Café no. 1!", "cafe no 2", "CAFÉ, NO: 37"]).texts) == kept


def test_copies_know_the_row_that_stayed():
    outcome = Exact()(["a", "b", "a", "a"])
    assert outcome.reasons == {"duplicate": 2}
    assert outcome.dropped.column("stats.exact.cluster").to_pylist() == [0, 0]
    assert outcome.batch.column("stats.exact.cluster").to_pylist() == [0, None]
    assert outcome.batch.column("stats.exact.cluster_size").to_pylist() == [3, None]
