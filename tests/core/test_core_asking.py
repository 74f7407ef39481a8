"""Requests of all kinds reach the model that can answer them, and rounds end when the task has heard enough."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from lmloop.core.asking import answer, ask
from lmloop.core.errors import RecipeError
from lmloop.core.model import (
    Done,
    Generates,
    Model,
    Prompt,
    Reply,
    Request,
    Sampling,
    Scoring,
    Writing,
    raw_text,
    text_prompt,
    told,
)
from lmloop.core.record import Record, Turn
from lmloop.core.task import Grade, Task
from lmloop.core.weights import model as named


class Echo:
    """Writes the last turn again, and counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        self.calls += 1
        return told((Reply(f"{prompt[-1].text}!", tokens=sampling.max_tokens) for prompt in prompts), done)


class _Doubt(Task):
    """Ask twice, the second time with the first reply before the question."""

    needs: ClassVar[tuple[type, ...]] = (Generates,)

    def questions(self) -> Iterator[Record]:
        yield from (Record(prompt=text_prompt(word)) for word in ("a", "b"))

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        texts = [record.prompt[0].text, *(reply.text for reply in said)]
        return [Writing(text_prompt(texts[-1]), Sampling())] if len(said) < 2 else []

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        return Grade(record.id, {"score": float(len(said))})


def test_replies_come_in_order_whatever_they_are() -> None:
    heard: dict[int, str] = {}
    requests: list[Request] = [
        Writing(text_prompt("one"), Sampling(1)),
        Scoring(text_prompt("the cat "), "sat"),
        Writing(text_prompt("two"), Sampling(2)),
        Writing(text_prompt("three"), Sampling(1)),
    ]
    toy = named("toy")
    replies = answer(toy, requests, lambda place, reply: heard.__setitem__(place, reply.text))
    assert replies[1].text == "sat"
    assert heard == {place: reply.text for place, reply in enumerate(replies)}
    assert [replies[n].tokens <= most for n, most in ((0, 1), (2, 2), (3, 1))] == [True] * 3


def test_a_task_asks_until_it_knows_enough() -> None:
    task, echo = _Doubt(), Echo()
    said = ask(task, echo, list(task.questions()))
    assert [[reply.text for reply in replies] for replies in said] == [["a!", "a!!"], ["b!", "b!!"]]
    assert echo.calls == 2


def test_a_model_without_the_power_is_refused() -> None:
    with pytest.raises(RecipeError, match="cannot score"):
        answer(Echo(), [Scoring((), "x")])
    deaf: Model = named("toy")
    assert isinstance(deaf, Generates)
    with pytest.raises(RecipeError, match="needs a model that generates"):
        ask(_Doubt(), object(), [])  # type: ignore[arg-type]


def test_raw_text_is_told_from_a_conversation() -> None:
    assert raw_text(text_prompt(" x ")) == " x "
    assert raw_text((Turn("user", "x"),)) is None
    assert raw_text((Turn("text", "x"), Turn("text", "y"))) is None


def test_a_name_says_what_it_opens(tmp_path: object) -> None:
    assert named("lmloop:some/folder").folder == "some/folder"  # type: ignore[union-attr]
    assert named({"use": "toy", "order": 2}).order == 2  # type: ignore[union-attr]


class Pen(Echo):
    """Writes requests of several samplings side by side."""

    def write(self, requests: Sequence[Writing], done: Done | None = None) -> list[Reply]:
        self.calls += 1
        replies = (Reply(each.prompt[-1].text, tokens=each.sampling.max_tokens) for each in requests)
        return told(replies, done)


def test_a_model_that_can_is_asked_once_for_all_samplings() -> None:
    model, heard = Pen(), {}
    requests = [Writing(text_prompt(word), Sampling(max_tokens=n % 2 + 1)) for n, word in enumerate("abcd")]
    replies = answer(model, requests, heard.__setitem__)
    assert model.calls == 1
    assert [(reply.text, reply.tokens) for reply in replies] == [("a", 1), ("b", 2), ("c", 1), ("d", 2)]
    assert heard == dict(enumerate(replies))
