"""Judges: what they are asked, what can be read of them, and how far they agree with people."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lmloop.core.model import Done, Prompt, Reply, Sampling
from lmloop.core.replies import kept_replies
from lmloop.scoring.agreement import Calibration, agreement, calibrate
from lmloop.scoring.judging import (
    GRADE_EN,
    GRADE_ZH,
    PAIR_EN,
    SAFETY_EN,
    Verdict,
    ask_judge,
    both_orders,
    decide,
    judge_prompt,
    locked,
    mean_grade,
    read,
    read_file,
    template,
)
from lmloop.scoring.refusal import label, refuses


class Biased:
    """A judge that always likes what it sees first."""

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        return [Reply(f"I like the first one. [[A]] {sampling.seed}") for _ in prompts]


class Fair:
    """A judge that likes the longer one, whatever its place."""

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        found = []
        for prompt in prompts:
            one, _, other = prompt[-1].text.partition("## Reply A\n")[2].partition("\n\n## Reply B\n")
            longer = "A" if len(one) > len(other.partition("\n\n## Your")[0]) else "B"
            found.append(Reply(f"[[{longer}]]"))
        return found


class Mortal:
    """A judge that is killed after some verdicts, and counts what it is asked."""

    def __init__(self, lives: int) -> None:
        self.lives, self.asked = lives, 0

    def fingerprint(self) -> str:
        return "mortal"

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        said = []
        for place, prompt in enumerate(prompts):
            if self.asked == self.lives:
                raise KeyboardInterrupt
            self.asked += 1
            said.append(Reply(f"[[{1 + len(prompt[-1].text) % 9}]]"))
            if done:
                done(place, said[-1])
        return said


def test_a_judgement_that_was_killed_goes_on_without_asking_again(tmp_path: Path) -> None:
    cases = [(GRADE_EN, {"question": "?", "answer": "x" * n}) for n in range(6)]
    first, second = Mortal(4), Mortal(99)
    with pytest.raises(KeyboardInterrupt), kept_replies(tmp_path / "replies.db"):
        ask_judge(first, cases)
    with kept_replies(tmp_path / "replies.db"):
        found = ask_judge(second, cases)
    assert (first.asked, second.asked) == (4, 2)
    assert found == ask_judge(Mortal(99), cases)


def verdict(value: str | None) -> Verdict:
    return Verdict(value, "")


@pytest.mark.parametrize(
    ("said", "grade"),
    [("good. [[7]]", 7.0), ("[[3]] no: [[ 8.5 ]]", 8.5), ("Rating: [6]", 6.0), ("[[11]]", None), ("seven", None)],
)
def test_grades_are_read(said: str, grade: float | None) -> None:
    assert read(GRADE_EN, Reply(said)).value == grade


@pytest.mark.parametrize(
    ("said", "side"),
    [
        ("[[A]]", "A"),
        ("[[B]]", "B"),
        ("[[C]]", "C"),
        ("[[A>>B]]", "A"),
        ("[[A<B]]", "B"),
        ("[[A=B]]", "C"),
        ("A", None),
    ],
)
def test_pairs_are_read(said: str, side: str | None) -> None:
    assert read(PAIR_EN, Reply(said)).value == side


def test_what_cannot_be_read_is_no_zero() -> None:
    assert read(SAFETY_EN, Reply("[[3]]")).value is None
    assert read(SAFETY_EN, Reply("<think>[[1]]")).value is None
    assert read(SAFETY_EN, Reply("", error="gone")) == Verdict(None, "gone")
    assert mean_grade([Verdict(None, ""), Verdict(4.0, "")]) == 4.0
    assert mean_grade([Verdict(None, "")]) is None


@pytest.mark.parametrize(
    ("first", "turned", "score", "consistent"),
    [
        ("A", "B", 1.0, True),
        ("A", "A", 0.5, False),
        ("C", "C", 0.5, True),
        ("B", None, 0.0, None),
        (None, None, None, None),
    ],
)
def test_both_orders_are_joined(
    first: str | None, turned: str | None, score: float | None, consistent: bool | None
) -> None:
    found = decide([verdict(first)], [verdict(turned)])
    assert (found.score, found.consistent) == (score, consistent)
    assert found.unread == [first, turned].count(None)


def test_a_judge_that_looks_at_the_place_decides_nothing() -> None:
    fields = {"question": "Which?", "answer_a": "short", "answer_b": "much longer"}
    cases = [(PAIR_EN, order) for order in both_orders(fields)]
    biased, fair = (ask_judge(judge, cases, repeats=2) for judge in (Biased(), Fair()))
    assert decide(*biased).score == 0.5
    assert decide(*biased).consistent is False
    assert decide(*fair).score == 0.0
    assert [each.reason[-1] for each in biased[0]] == ["0", "1"]


def test_prompts_speak_the_language_of_the_question_and_are_locked() -> None:
    assert template("grade", "猫呢？") == GRADE_ZH
    asked = judge_prompt(GRADE_EN, {"question": "{answer}", "answer": "b", "reference": "c"})
    assert "## Question\n{answer}\n" in asked[-1].text
    assert "## Reference answer\nc\n" in asked[-1].text
    assert locked([GRADE_EN]) != locked([replace(GRADE_EN, body=GRADE_EN.body + " ")])
    row = {"name": "single-v1", "type": "single", "system_prompt": "s", "prompt_template": "{question}"}
    assert read_file([row])["single-v1"].kind == "grade"


def test_agreement_with_people() -> None:
    found = agreement(list("001122"), list("001212"))
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.kappa == pytest.approx(0.5)
    assert found.counts["1", "2"] == 1
    assert agreement(["a"], ["a"]).kappa == 1.0
    assert agreement(list("ab"), list("ba")).kappa == pytest.approx(-1.0)


def test_rates_are_corrected_for_what_the_judge_misses() -> None:
    judge = Calibration(yes=1000, hits=800, no=1000, alarms=100)
    found = judge.corrected(380, 1000)  # 0.4 of them: 0.8 * 0.4 + 0.1 * 0.6
    assert found.value == pytest.approx(0.4)
    assert found.low < 0.4 < found.high
    few = Calibration(10, 8, 10, 1).corrected(380, 1000)
    assert few.high - few.low > 2 * (found.high - found.low)
    assert Calibration(0, 0, 0, 0).corrected(1, 2).low == 0.0
    assert calibrate([True, True, False], [True, False, True]) == Calibration(2, 1, 1, 1)


@pytest.mark.parametrize(
    "reply",
    [
        "I'm sorry, but I can't assist with that.",
        "Sorry, I cannot help.",
        " I cannot provide guidance on that. It is illegal.",
        "As an AI, I don't hold personal opinions.",
        "抱歉，我不能帮助您。",
        "作为一个人工智能助手，我无法提供这类信息。",
        "",
    ],
)
def test_refusals_are_recognised(reply: str) -> None:
    assert refuses(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "There are several ways to kill a Python process:",
        "No human can shout at 500 decibels.",
        "要结束进程，可以使用kill命令。",
        "Use the task manager. If you cannot find it, press Ctrl+Alt+Del.",
    ],
)
def test_help_is_no_refusal(reply: str) -> None:
    assert not refuses(reply)
    assert label(reply) == "1_full_compliance"
