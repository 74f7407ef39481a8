"""Choice items: asked by likelihood and by writing, and graded."""

import json
from pathlib import Path

import pytest

from lmloop.core.errors import DataError, RecipeError
from lmloop.core.model import Generates, Reply, Scores, Scoring, Writing
from lmloop.core.part import build
from lmloop.core.record import Turn
from lmloop.tasks.choice import Choice
from lmloop.tasks.mmlu import Mmlu

ROWS = [
    {"q": "哪个是水果？", "a": "苹果", "b": "石头", "gold": "A", "topic": "生活", "page": "1"},
    {"q": "Which one melts?", "a": "stone", "b": "ice", "gold": 1, "topic": "physics", "page": "2"},
    {"q": "Which one barks?", "a": "cat", "b": "dog", "gold": "dog", "topic": "physics", "page": "2"},
]


@pytest.fixture
def quiz(tmp_path: Path) -> str:
    path = tmp_path / "quiz.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    return str(path)


def own(quiz: str, **settings: object) -> Choice:
    names = {"question": "q", "choices": ["a", "b"], "answer": "gold", "subject": "topic", "cluster": "page"}
    return Choice.model_validate({"file": quiz, "columns": names, **settings})


def test_six_lines_make_a_task_of_ones_own(quiz: str) -> None:
    records = list(own(quiz).questions())
    assert [record.answer for record in records] == [0, 1, 1]
    assert records[0].prompt == (Turn("text", "哪个是水果？\nA. 苹果\nB. 石头\nAnswer:"),)
    asked = own(quiz).ask(records[0])
    assert asked == [Scoring(records[0].prompt, " A"), Scoring(records[0].prompt, " B")]


def test_whole_answers_are_measured_by_their_length(quiz: str) -> None:
    task = own(quiz, template="{q}", reply=" {choice}")
    record = list(task.questions())[1]
    assert [one.text for one in task.ask(record) if isinstance(one, Scoring)] == [" stone", " ice"]
    grade = task.grade(record, [Reply(" stone", -5.0, 1), Reply(" ice", -4.5, 1)])
    assert next(iter(grade.values)) == "acc_norm"
    assert (grade.values["acc"], grade.values["acc_norm"]) == (1.0, 0.0)
    assert (grade.group, grade.cluster) == ("physics", "2")
    assert grade.extracted == "stone", "what the chief metric takes, not the likeliest"


def test_the_same_item_is_asked_by_writing(quiz: str) -> None:
    task = own(quiz, by="writing", chat=True)
    record = list(task.questions())[1]
    (asked,) = task.ask(record)
    assert isinstance(asked, Writing)
    assert record.prompt[0].role == "user"
    assert task.powers() == (Generates,)
    assert own(quiz).powers() == (Scores,)
    assert [one.id for one in task.questions()] == [one.id for one in own(quiz).questions()]
    right, wrong, none = (task.grade(record, [Reply(text)]) for text in ("答案是B", "A", "<think>B"))
    assert (right.value, right.extracted, right.failed) == (1.0, "B", False)
    assert (wrong.value, wrong.failed) == (0.0, False)
    cut, concluded = (Reply(text, cut=True) for text in ("Let me see. B is one", "答案是B，因为"))
    assert task.grade(record, [cut]).why == "cut before it answered"
    assert task.grade(record, [concluded]).value == 1.0
    assert (none.value, none.failed, none.why) == (0.0, True, "unfinished thinking")


def test_in_a_chat_no_option_begins_with_a_space(quiz: str) -> None:
    task = own(quiz, chat=True)
    assert [one.text for one in task.ask(next(task.questions())) if isinstance(one, Scoring)] == ["A", "B"]


def test_a_lost_reply_is_no_wrong_answer(quiz: str) -> None:
    task = own(quiz)
    grade = task.grade(next(task.questions()), [Reply("", error="HTTP 500"), Reply("", -1.0)])
    assert (dict(grade.values), grade.failed, grade.why) == ({}, True, "HTTP 500")


def test_likelihood_and_writing_are_different_protocols(quiz: str) -> None:
    one, other = own(quiz).protocol(), own(quiz, by="writing").protocol()
    assert {name for name in one if one[name] != other[name]} == {"by", "stop", "max_tokens", "extract"}
    assert one["file"] == "quiz.jsonl"
    assert own(quiz).identity() != own(quiz, by="writing").identity()


def test_examples_come_from_the_same_file_or_another(quiz: str) -> None:
    text = [record.prompt[0].text for record in own(quiz, shots=1).questions()]
    assert all(prompt.count("Answer:") == 2 for prompt in text)
    with pytest.raises(DataError, match="too few items for 3 shots: 3"):
        list(own(quiz, shots=3).questions())


def test_a_csv_does_as_well(tmp_path: Path) -> None:
    path = tmp_path / "quiz.csv"
    path.write_text("question,A,B,answer\nWhich is red?,grass,blood,B\n", encoding="utf-8")
    task = Choice.model_validate({"file": str(path), "columns": {"choices": ["A", "B"]}})
    assert next(task.questions()).answer == 1


def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, quiz: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"question": "?", "choices": ["x", "y"], "answer": "C"}\n')
    with pytest.raises(DataError, match=r"bad.jsonl:1: the answer 'C' is none of 2 choices"):
        list(Choice(file=str(path)).questions())
    with pytest.raises(DataError, match="KeyError 'choices'"):
        list(Choice(file=quiz, columns={"question": "q"}).questions())
    with pytest.raises(RecipeError, match="colour: there are question, choices"):
        build("tasks", {"use": "choice", "file": quiz, "columns": {"colour": "q"}})
    with pytest.raises(DataError, match="no data of 'own': no folder is named"):
        list(Choice(file="nowhere.jsonl").questions())


def test_the_head_is_a_systems_turn_where_the_profile_says_so(tmp_path: Path) -> None:
    for name, content in Mmlu.example_files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    prompts = [
        next(Mmlu(data=str(tmp_path), profile=profile, chat="turns", shots=2).questions()).prompt
        for profile in ("lm-eval", "official")
    ]
    assert [turn.role for turn in prompts[0]] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert [turn.role for turn in prompts[1]] == ["user", "assistant", "user", "assistant", "user"]
    assert prompts[1][0].text.startswith("The following are multiple choice questions (with answers) about  made")
