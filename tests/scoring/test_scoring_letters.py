"""The option that a written reply chooses, in English and Chinese."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.scoring.letters import CASCADES, STEPS, find_letter

CITIES = ("Paris", "New York", "York", "Lima")

REPLIES = [
    ("B", "B"),
    (" b", None),
    ("(C)", "C"),
    ("（Ｃ）", "C"),
    ("Ｄ", "D"),
    ("B. New York", "B"),
    ("**B**", "B"),
    ("B）纽约", "B"),
    ("The answer is (B).", "B"),
    ("The answer is B because a river runs there.", "B"),
    ("the correct answer is: **D**", "D"),
    ("Answer: C", "C"),
    ("A: Let us see. The best choice would be option D.", "D"),
    ("Final answer: \\boxed{B}", "B"),
    ("$\\boxed{\\text{C}}$ is what I get, though A looked right", "C"),
    ("At first I thought the answer is A. But no: the answer is C.", "C"),
    ("A dog barks, so it must be (D)", "D"),
    ("A man walks. Option B is correct.", "B"),
    ("I choose New York.", "B"),
    ("It is York", "C"),
    ("Lima, I think", "D"),
    ("It could be A or B.", None),
    ("Either Paris or Lima", None),
    ("答案是B", "B"),
    ("答案是：Ｂ。", "B"),
    ("答案为 C", "C"),
    ("答案：（D）", "D"),
    ("正确答案是选项A。", "A"),
    ("因此，选B。", "B"),
    ("本题选 C", "C"),
    ("故选：D", "D"),
    ("我选择B，因为纽约更大。", "B"),
    ("不选A，应选C。", "C"),
    ("选项A是错误的，选项B是正确的。", "B"),
    ("A项错误，B项错误，C项正确，D项错误。", "C"),
    ("所以答案是【B】", "B"),
    ("A和B都有可能。", None),
    ("<think>A? No, B?</think>The answer is (D)", "D"),
    ("<think>The answer is (A), surely, but let me", None),
    ("答案是A</think>答案是B", "B"),
    ("", None),
    ("I do not know.", None),
    ("The answer is E", None),
]


@pytest.mark.parametrize(("reply", "wanted"), REPLIES)
def test_the_letter_of_a_reply(reply: str, wanted: str | None) -> None:
    assert find_letter(reply, "ABCD", CITIES).letter == wanted


def test_it_says_which_step_found_it_or_why_none_did() -> None:
    assert find_letter("\\boxed{A}", "ABCD").how == "boxed"
    assert find_letter("答案是A", "ABCD").how == "stated"
    assert find_letter("<think>hm", "ABCD").how == "unfinished thinking"
    assert find_letter("no idea", "ABCD").how == "no option named"
    assert find_letter("  ", "ABCD").how == "empty"


def test_cascades_differ_as_their_authors_do() -> None:
    reply = "Let's see. B is a city. Answer: C"
    assert find_letter(reply, "ABCDEFGHIJ", cascade="answer-is").letter is None
    assert find_letter(reply, "ABCDEFGHIJ", cascade="mmlu-pro").letter == "C"
    assert find_letter("Probably D", "ABCDEFGHIJ", cascade="mmlu-pro").letter == "D"
    assert find_letter("B is it", "ABCD", cascade="capital").letter == "B"
    assert find_letter("Let it be B", "ABCD", cascade="capital").letter is None
    assert find_letter("1. 因为。\n所以答案是C。选A的人错了", "ABCD", cascade="ceval").letter == "C"


def test_each_cascade_is_made_of_steps_that_there_are() -> None:
    assert {step for steps in CASCADES.values() for step in steps} <= set(STEPS)


@given(st.text(), st.sampled_from(sorted(CASCADES)))
def test_any_text_gives_a_letter_that_is_offered_or_none(reply: str, cascade: str) -> None:
    assert find_letter(reply, "ABC", ("one", "two", "three"), cascade).letter in {"A", "B", "C", None}
