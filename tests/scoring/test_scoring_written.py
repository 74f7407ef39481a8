"""What is found in what a model wrote, and what several replies come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.scoring import written
from lmloop.scoring.repeats import majority, pass_at


def test_thinking_is_left_out_and_cut_off_thinking_is_no_answer() -> None:
    assert written.after_thinking("<think>is it 3?</think>\n\nIt is 4.") == "It is 4."
    assert written.after_thinking("so it is 3\n</think>It is 4.") == "It is 4."
    assert written.after_thinking("<think>it could be 3, or") is None
    assert written.after_thinking("plain") == "plain"


@pytest.mark.parametrize(
    ("reply", "strict", "flexible", "plain"),
    [
        ("5 + 5 = 10\n#### 1,234", "1,234", "1,234", "1,234"),
        ("It costs $12.", None, "$12.", "12"),
        ("so 3 and then 7", None, "7", "7"),
        ("答案是１２个，共3步。", None, "3", "12"),
        (r"Thus \boxed{42}. Checked 3 times", None, "3", "42"),
        ("nothing", None, None, None),
        ("The answer is -8", None, "-8", "-8"),
    ],
)
def test_numbers_are_found(reply: str, strict: str | None, flexible: str | None, plain: str | None) -> None:
    assert written.hashed_number(reply) == strict
    assert written.last_number(reply) == flexible
    assert written.plain_number(reply) == plain


def test_numbers_are_compared() -> None:
    assert written.same_text_number("$1,234.", "1234")
    assert not written.same_text_number("12.0", "12")
    assert written.same_number("12.0", "12")
    assert not written.same_number("a", "12")


def test_boxes_answers_and_code_are_found() -> None:
    assert written.boxed(r"\boxed{\frac{1}{2}} is it") == r"\frac{1}{2}"
    assert written.boxed(r"\boxed{open") is None
    assert written.final("The answer is: Paris.\nwell") == "Paris"
    assert written.final("所以最终答案是：北京。") == "北京"
    assert written.code("text\n```python\nx = 1\n```\nand\n```bash\nls\n```") == "x = 1\n"
    assert written.code("```python\nx = 1\ncut off") == "x = 1\ncut off"
    assert written.code("none") is None
    assert written.cascade([r"Option (\w)", "last-line"], "Option B\nOption C\n") == ("C", r"Option (\w)")
    assert written.cascade([r"Option (\w)", "last-line"], "no\nidea") == ("idea", "last-line")


@given(st.integers(1, 12), st.data())
def test_pass_at_k_is_the_share_of_draws(total: int, data: st.DataObject) -> None:
    from itertools import combinations

    right, k = data.draw(st.integers(0, total)), data.draw(st.integers(1, min(total, 5)))
    draws = list(combinations([True] * right + [False] * (total - right), k))
    assert pass_at(k, right, total) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_too_few_replies_are_refused_and_majorities_found() -> None:
    with pytest.raises(ValueError, match="at least 5"):
        pass_at(5, 1, 4)
    assert majority(["1", None, "2", "2", None]) == "2"
    assert majority(["b", "a"]) == "b"
    assert majority([None]) is None
