"""Rewards of answers that may be hedged or withheld."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.scoring.honesty import Rewards, hedged, outcome

NUMBERS = st.integers(-8, 8).map(float)


def test_the_lectures_numbers_never_make_hedging_best():
    rewards = Rewards()
    evens = rewards.break_evens()
    # 5p - 4 = 0 and 2.5p - 2 = 0 and 5p - 4 = 2.5p - 2: all at 0.8
    assert [evens[pair] for pair in evens] == pytest.approx([0.8, 0.8, 0.8])
    assert [(round(low, 6), round(high, 6), way) for low, high, way in rewards.stretches()] == [
        (0, 0.8, "silence"),
        (0.8, 1, "answer"),
    ]
    assert rewards.dominated() == ["hedge"]
    assert rewards.falls()


def test_a_milder_price_of_hedging_gives_it_a_stretch():
    rewards = Rewards(hedged_wrong=-1.0)
    assert [way for _, _, way in rewards.stretches()] == ["silence", "hedge", "answer"]
    assert rewards.dominated() == []
    assert not Rewards(silent=2.0).falls()
    assert Rewards(silent=2.0).dominated() == ["answer", "hedge"]


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.floats(0, 1))
def test_a_stretch_names_what_is_worth_most(right, hedged_right, silent, hedged_wrong, wrong, chance):
    rewards = Rewards(right, hedged_right, silent, hedged_wrong, wrong)
    stretches = rewards.stretches()
    assert (stretches[0][0], stretches[-1][1]) == (0, 1)
    worth = rewards.expected(chance)
    best = next(way for low, high, way in stretches if low <= chance <= high)
    assert worth[best] == pytest.approx(max(worth.values()), abs=1e-6)


@pytest.mark.parametrize(
    ("reply", "right", "found"),
    [
        ("Paris.", True, "right"),
        ("Rome.", False, "wrong"),
        ("I am not sure, but I think: Paris", True, "hedged_right"),
        ("Probably Rome", False, "hedged_wrong"),
        ("I don't know.", False, "silent"),
        ("I am not sure.", False, "silent"),
        ("我不知道。", False, "silent"),
        ("我不确定，但我想是：罗马", False, "hedged_wrong"),
        ("可能是巴黎", True, "hedged_right"),
        ("巴黎", True, "right"),
    ],
)
def test_replies_are_sorted(reply, right, found):
    assert outcome(reply, right) == found


@pytest.mark.parametrize("answer", ["Paris.", "巴黎。"])
def test_what_is_hedged_is_found_to_be(answer):
    assert outcome(hedged(answer), True) == "hedged_right"
    assert outcome(hedged(answer), False) == "hedged_wrong"
