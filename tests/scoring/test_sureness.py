"""Questions, answers and doubts, as they are put to a model and read back."""

import math

import pytest

from lmloop.core.model import Reply, Sampling, Scoring, Writing, text_prompt
from lmloop.core.record import Record, Turn
from lmloop.scoring.sureness import (
    Unasked,
    ask,
    ask_sure,
    confidence,
    heard,
    is_right,
    is_silent,
    probed,
    question_of,
    sure_share,
)

CAPITAL = Record("Paris", (Turn("user", "What is the capital of France?"),))
CHINESE = Record("巴黎", (Turn("user", "法国的首都是哪里？"),))
OPTIONS = Record(prompt=(Turn("user", "Which?"),), choices=("red", "blue"), answer=1)


def test_a_chat_is_doubted_in_two_more_turns():
    question = question_of(CAPITAL, "turns")
    assert ask(question, Sampling()) == [Writing(CAPITAL.prompt, Sampling())]
    doubt = question.doubt("Paris")
    assert [turn.role for turn in doubt] == ["user", "assistant", "user"]
    assert doubt[1].text == "Paris"
    assert doubt[2].text == "Are you sure you accurately answered the question based on your internal knowledge?"
    assert (question.certainty(True), question.certainty(False)) == ("I am sure.", "I am unsure.")


def test_the_raw_form_is_that_of_the_publication():
    question = question_of(CAPITAL, "text")
    assert question.prompt == text_prompt("Question: What is the capital of France? Answer:")
    assert question.reply("Paris.") == " Paris."
    whole = question.doubt(" Paris.")[0].text + question.certainty(False)
    assert whole == (
        "Question: What is the capital of France? Answer: Paris. Are you sure you accurately answered the question"
        " based on your internal knowledge? I am unsure."
    )


def test_chinese_is_asked_in_chinese():
    question = question_of(CHINESE, "text")
    whole = question.doubt("巴黎")[0].text + question.certainty(True)
    assert whole == "问题：法国的首都是哪里？ 答案：巴黎。你确定你是凭自己的知识准确回答了这个问题吗？我确定。"


def test_a_raw_prompt_stays_as_it_is():
    record = Record("4", text_prompt("2 + 2 ="))
    assert question_of(record, "turns").prompt == record.prompt


def test_an_answer_is_right_where_it_is_contained_or_equal():
    question = question_of(Record("Paris", CAPITAL.prompt, meta={"answers": ["Lutetia"]}), "turns")
    assert question.matches("It is PARIS, of course")
    assert question.matches("lutetia.")
    assert not question.matches("It is Rome")
    assert not question.matches("It is Paris", "exact")
    assert question.matches("ｐaris. ", "exact")


def test_options_are_compared_by_their_chance():
    question = question_of(OPTIONS, "turns")
    assert ask(question, Sampling()) == [Scoring(OPTIONS.prompt, "red"), Scoring(OPTIONS.prompt, "blue")]
    said = heard(question, [Reply("red", math.log(0.1)), Reply("blue", math.log(0.3))])
    assert (said.text, said.right) == ("blue", True)
    assert said.confidence == pytest.approx(0.75)
    assert said.options == pytest.approx((0.25, 0.75))


def test_confidence_is_the_mean_chance_of_a_token():
    assert confidence(Reply("ab", logprob=math.log(0.25), tokens=2)) == pytest.approx(0.5)
    assert confidence(Reply("ab")) == 0


def test_sureness_is_a_share_of_the_two():
    requests = ask_sure(question_of(CAPITAL, "turns"), "Rome")
    assert [request.text for request in requests] == ["I am sure.", "I am unsure."]
    assert sure_share([Reply("", math.log(0.02)), Reply("", math.log(0.06))]) == pytest.approx(0.25)
    assert sure_share([Reply("", -math.inf), Reply("", -math.inf)]) == 0.5


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (Record("a document"), "no prompt"),
        (Record("", CAPITAL.prompt), "no answer"),
        (Record(prompt=CAPITAL.prompt, choices=("a", "b")), "no answer"),
    ],
)
def test_what_is_no_question_is_not_asked(record, why):
    with pytest.raises(Unasked, match=why):
        question_of(record, "turns")


def test_a_question_without_an_answer_may_be_asked_all_the_same():
    assert not question_of(Record("", CAPITAL.prompt), "turns", answered=False).matches("Paris")


@pytest.mark.parametrize(
    ("reply", "silent"),
    [
        ("I don't know.", True),
        ("I don’t know the answer to that", True),
        ("我不知道。", True),
        ("这超出了我的知识", True),
        ("", True),
        ("Paris", False),
        ("I am not sure, but I think that it is Paris", False),
        ("巴黎", False),
    ],
)
def test_silence_is_told(reply, silent):
    assert is_silent(reply) is silent


def test_an_empty_answer_is_never_right():
    assert not is_right("Paris", ["", " . "])
    assert is_right("It is Paris.", ["", "paris"])


@pytest.mark.parametrize("noted", [None, 1, "known", ["known"], {"said": "x"}])
def test_what_another_step_noted_under_the_name_of_a_probe_is_none(noted):
    assert probed(Record("a", meta={"probe": noted})) == {}
    assert probed(Record("a", meta={"probe": {"known": False}})) == {"known": False}
