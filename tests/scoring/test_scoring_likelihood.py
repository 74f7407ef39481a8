"""Values from log-likelihoods, against plain numpy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.scoring.likelihood import Scored, best, choice_values, picks, shares

logprobs = st.lists(st.floats(-200, 0), min_size=2, max_size=6)


def options(values: list[float]) -> list[Scored]:
    return [Scored("字" * (place + 1), value, place + 1) for place, value in enumerate(values)]


@given(logprobs)
def test_picks_are_numpys(values: list[float]) -> None:
    lengths = np.arange(1, len(values) + 1)
    found = picks(options(values))
    assert found["acc"] == np.argmax(values)
    assert found["acc_norm"] == np.argmax(np.array(values) / lengths)
    assert found["acc_bytes"] == np.argmax(np.array(values) / (lengths * 3))
    assert found["acc_token"] == np.argmax(np.array(values) / lengths)


@given(logprobs, st.data())
def test_shares_and_brier_are_numpys(values: list[float], data: st.DataObject) -> None:
    answer = data.draw(st.integers(0, len(values) - 1))
    wanted = np.exp(values - np.max(values))
    wanted /= wanted.sum()
    assert shares(options(values)) == pytest.approx(wanted)
    truth = np.zeros(len(values))
    truth[answer] = 1
    assert choice_values(options(values), [answer])["brier"] == pytest.approx(((wanted - truth) ** 2).sum())


def test_normalising_changes_the_pick() -> None:
    found = picks([Scored("no", -2.0, 1), Scored("certainly not", -4.0, 3), Scored("一二三", -5.0, 4)])
    assert found == {"acc": 0, "acc_norm": 1, "acc_bytes": 1, "acc_token": 2}


def test_without_tokens_there_is_no_value_a_token() -> None:
    assert "acc_token" not in picks([Scored("a", -1.0), Scored("b", -2.0)])


def test_of_several_right_options_any_counts_and_their_mass_adds_up() -> None:
    values = choice_values([Scored("a", math.log(0.2)), Scored("b", math.log(0.5)), Scored("c", math.log(0.3))], [1, 2])
    assert values["acc"] == 1.0
    assert values["mass"] == pytest.approx(0.8)


def test_an_item_whose_answer_is_not_offered_is_wrong() -> None:
    values = choice_values([Scored("a", -1.0), Scored("b", -2.0)], [])
    assert (values["acc"], values["mass"]) == (0.0, 0.0)


def test_of_equal_values_the_first_is_best() -> None:
    assert best([1.0, 2.0, 2.0]) == 1


def test_likelihoods_that_are_nothing_at_all_are_no_trouble() -> None:
    assert picks([Scored("a", -math.inf), Scored("b", -3.0)])["acc"] == 1
    assert all(map(math.isfinite, choice_values([Scored("a", -math.inf), Scored("b", -math.inf)], [0]).values()))
