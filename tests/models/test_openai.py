"""An endpoint is asked as agreed, whatever it answers: tried against real servers on this machine."""

import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_server import GOOD, Heard, OddServer, Say

from lmloop.core.asking import ask
from lmloop.core.errors import LmloopError, RecipeError, StepError
from lmloop.core.model import Prompt, Reply, Sampling, Token, text_prompt
from lmloop.core.record import Turn
from lmloop.core.weights import model
from lmloop.models.openai import OpenAI
from lmloop.models.openai.bodies import guess
from lmloop.models.openai.likelihood import first_of
from lmloop.models.openai.pace import Pace
from lmloop.models.toy import Toy
from lmloop.tasks.spelling import Spelling

CHAT: Prompt = (Turn("user", "法国的首都是哪里？"),)
ONE = [text_prompt("the")]
SHORT = Sampling(max_tokens=4)
Start = Callable[[Callable[[int, Heard], Say]], OddServer]


@pytest.fixture
def start() -> Iterator[Start]:
    servers = []

    def begin(script: Callable[[int, Heard], Say]) -> OddServer:
        servers.append(OddServer(script))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


def asking(server: OddServer, **settings: object) -> OpenAI:
    return OpenAI.model_validate({"model": "m", "url": server.url, "wait": 0.01, **settings})


def test_raw_text_and_conversations_are_sent_as_they_are(start: Start) -> None:
    chat = {"choices": [{"message": {"role": "assistant", "content": "巴黎"}, "finish_reason": "length"}]}
    server = start(lambda _, heard: Say(chat if "chat" in heard.path else GOOD))
    sampling = Sampling(7, 0.5, 0.9, ("\n", "Q:"), seed=3)
    asked = asking(server, extra={"top_k": 5, "top_p": None}, concurrency=1)
    replies = asked.generate([text_prompt(" a\n"), CHAT, CHAT], sampling)
    raw, first, second = (heard.body for heard in server.heard)
    drawn = {"max_tokens": 7, "temperature": 0.5, "stop": ["\n", "Q:"], "top_k": 5}
    assert raw == {"model": "m", "prompt": " a\n", "seed": 3, **drawn}
    said = [{"role": "user", "content": "法国的首都是哪里？"}]
    assert first == {"model": "m", "messages": said, "seed": 3, **drawn}
    assert second == {**first, "seed": 4}, "the same prompt twice shall not be answered alike"
    assert [heard.path for heard in server.heard] == ["/v1/completions", *["/v1/chat/completions"] * 2]
    assert replies[0] == Reply("yes", tokens=1, prompt_tokens=2)
    assert replies[1] == Reply("巴黎", tokens=2, cut=True, prompt_tokens=9), "counted by us, as the server does not"
    assert asking(server, raw="chat").generate(ONE, SHORT)[0].text == "巴黎"


def test_a_text_ends_at_a_stop_even_where_the_server_goes_on(start: Start) -> None:
    server = start(lambda *_: Say({"choices": [{"text": "A. Paris\nB", "finish_reason": "length"}]}))
    [reply] = asking(server).generate(ONE, Sampling(stop=("1", "2", "3", "4", "\n")))
    assert (reply.text, reply.cut) == ("A. Paris", False)
    assert server.heard[0].body["stop"] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "trouble",
    [
        Say(status=500, body=b"oh no"),
        Say(status=429, body={"error": {"message": "slow down"}}),
        Say(body=b'{"choices": [{"te'),
        Say(body={"error": {"message": "overloaded"}}),
        Say(drop=True),
        Say(after=0.6),
    ],
    ids=["status", "busy", "broken", "error", "drop", "slow"],
)
def test_what_may_pass_is_asked_again(start: Start, trouble: Say) -> None:
    server = start(lambda number, _: trouble if number < 2 else Say())
    [reply] = asking(server, timeout=0.3).generate(ONE, SHORT)
    assert (reply.text, reply.error) == ("yes", "")
    assert len(server.heard) == 3


def test_waits_grow_and_are_drawn(start: Start) -> None:
    server = start(lambda number, _: Say(status=503) if number < 4 else Say())
    asking(server, wait=0.05).generate(ONE, SHORT)
    gaps = [after.at - before.at for before, after in zip(server.heard, server.heard[1:], strict=False)]
    assert all(gap >= 0.05 * 2**tried / 2 for tried, gap in enumerate(gaps)), gaps
    assert len({round(gap / 2**tried, 4) for tried, gap in enumerate(gaps)}) > 1, "all drawn alike"


@pytest.mark.parametrize("header", ["seconds", "milliseconds", "date"])
def test_a_pause_that_the_server_asks_for_holds_for_all(start: Start, header: str) -> None:
    def script(number: int, _: Heard) -> Say:
        headers = {
            "seconds": {"Retry-After": "1"},
            "milliseconds": {"retry-after-ms": "900"},
            "date": {"Retry-After": formatdate(time.time() + 2, usegmt=True)},
        }
        return Say(status=429, headers=headers[header]) if number == 0 else Say(after=0.01)

    server = start(script)
    replies = asking(server, concurrency=2).generate(ONE * 6, SHORT)
    assert all(reply.text == "yes" for reply in replies)
    first = server.heard[0].at
    assert sum(heard.at - first < 0.85 for heard in server.heard) <= 2, "some did not wait"


def test_one_request_that_is_refused_spoils_no_other(start: Start) -> None:
    wrong = {"error": {"message": "this prompt is too long", "code": "context_length_exceeded"}}
    server = start(lambda _, heard: Say(wrong, 400) if heard.body["prompt"] == "2" else Say())
    heard: dict[int, Reply] = {}
    replies = asking(server).generate([text_prompt(str(place)) for place in range(5)], SHORT, heard.__setitem__)
    assert [bool(reply.error) for reply in replies] == [False, False, True, False, False]
    assert replies[2].error == "status 400: this prompt is too long (context_length_exceeded)"
    assert heard == dict(enumerate(replies))
    assert len(server.heard) == 5, "a refusal was asked again"


def test_what_fails_for_good_is_the_error_of_one_reply(start: Start) -> None:
    server = start(lambda _, heard: Say(b"x", 502) if heard.body["prompt"] == "the" else Say())
    replies = asking(server, retries=2).generate([*ONE, text_prompt("a")], SHORT)
    assert replies[0].error == "status 502: x"
    assert replies[1].text == "yes"
    server = start(lambda *_: Say({"choices": []}))
    assert "without choices" in asking(server).generate(ONE, SHORT)[0].error
    server = start(lambda *_: Say({"choices": [{"text": None, "finish_reason": "content_filter"}]}))
    assert "content_filter" in asking(server).generate(ONE, SHORT)[0].error


def test_a_dead_server_is_one_message(start: Start) -> None:
    server = start(lambda *_: Say())
    asked = asking(server)
    server.close()
    with pytest.raises(StepError, match=r"no answer from http://127.0.0.1:\d+/v1"):
        asked.generate(ONE * 100, SHORT)


def test_what_came_before_a_server_died_was_told(start: Start) -> None:
    servers: list[OddServer] = []

    def script(number: int, _: Heard) -> Say:
        return Say(drop=True) if number > 20 else Say()

    servers.append(start(script))
    heard: dict[int, Reply] = {}
    with pytest.raises(StepError, match="no answer"):
        asking(servers[0], retries=3, concurrency=4).generate(ONE * 60, SHORT, heard.__setitem__)
    assert sum(not reply.error for reply in heard.values()) == 21


def test_a_listener_who_fails_ends_the_work(start: Start) -> None:
    server = start(lambda *_: Say(after=0.02))

    def fails(place: int, reply: Reply) -> None:
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        asking(server, concurrency=2).generate(ONE * 500, SHORT, fails)
    assert len(server.heard) < 50


def test_many_at_once_come_back_in_order(start: Start) -> None:
    def script(number: int, heard: Heard) -> Say:
        return Say({"choices": [{"text": heard.body["prompt"], "finish_reason": "stop"}]}, after=(number % 7) / 50)

    server = start(script)
    prompts = [text_prompt(str(place)) for place in range(1500)]
    replies = asking(server, concurrency=1000).generate(prompts, SHORT)
    assert [reply.text for reply in replies] == [str(place) for place in range(1500)]
    assert 100 < server.most <= 1000


def test_a_pace_is_kept(start: Start) -> None:
    server = start(lambda *_: Say())
    asking(server, requests_per_minute=1200, concurrency=8).generate(ONE * 10, SHORT)
    times = [heard.at for heard in server.heard]
    assert times[-1] - times[0] >= 9 * 0.05 - 0.02
    assert max(sum(start <= at < start + 0.2 for at in times) for start in times) <= 5


@given(st.lists(st.integers(1, 500), min_size=2, max_size=20), st.integers(60, 6000), st.integers(600, 60000))
def test_no_minute_holds_more_than_allowed(sizes: list[int], requests: int, tokens: int) -> None:
    pace = Pace(requests, tokens)
    begun = time.monotonic()
    turns = [pace._reserve(size) + time.monotonic() - begun for size in sizes]
    for size, before, after in zip(sizes, turns, turns[1:], strict=False):
        assert after - before >= max(60 / requests, size * 60 / tokens) - 0.01


KEY = "sk-very-secret-0123456789"


def test_the_key_is_sent_and_shown_nowhere(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server = start(lambda number, _: Say() if number == 0 else Say({"error": {"message": f"bad key {KEY}"}}, 400))
    asked = asking(server, key_from="MY_KEY")
    assert asked.generate(ONE, SHORT)[0].text == "yes"
    assert server.heard[0].headers["authorization"] == f"Bearer {KEY}"
    assert asked.generate(ONE, SHORT)[0].error == "status 400: bad key ***"
    assert KEY not in f"{asked!r} {asked.spec()} {asked.identity()} {asked.__dict__}"
    server = start(lambda *_: Say({"error": {"message": f"wrong: {KEY}"}}, 401))
    with pytest.raises(LmloopError) as told:
        asking(server, key_from="MY_KEY").generate(ONE, SHORT)
    assert KEY not in f"{told.value} {told.value.hint} {told.value.__cause__} {told.value.__context__}"
    assert "MY_KEY" in told.value.hint
    assert len(server.heard) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_from": KEY},
        {"url": f"https://user:{KEY}@host/v1"},
        {"url": f"https://host/v1?api-key={KEY}"},
        {"extra": {"api_key": KEY}},
        {"extra": {"Authorization": KEY}},
    ],
)
def test_a_key_in_the_settings_is_refused_without_repeating_it(wrong: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match="must not hold a key") as told:
        model({"use": "openai", "model": "m", **wrong})
    assert KEY not in f"{told.value} {told.value.hint}"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gpt-x", ("gpt-x", "https://api.openai.com/v1")),
        ("Qwen/Qwen3@http://host:8000", ("Qwen/Qwen3", "http://host:8000/v1")),
        ("@cf/llama@https://host/x/v1/", ("@cf/llama", "https://host/x/v1")),
        ("m@localhost:8000/v1/chat/completions", ("m", "http://localhost:8000/v1")),
    ],
)
def test_names(name: str, settings: tuple[str, str]) -> None:
    found = model(f"openai:{name}")
    assert isinstance(found, OpenAI)
    assert (found.model, found.url) == settings


def test_how_one_asks_is_no_part_of_what_one_gets() -> None:
    slow = OpenAI(model="m", concurrency=1, timeout=5, key_from="OTHER")
    assert slow.identity() == OpenAI(model="m").identity()
    assert slow.identity() != OpenAI(model="m", extra={"top_k": 1}).identity()


def test_scores_are_those_of_the_model_itself() -> None:
    toy, far = Toy(), OpenAI.example()
    prompts = [text_prompt("the c"), text_prompt("猫坐"), text_prompt(""), (Turn("user", "the dog"),), CHAT]
    pairs = [(prompt, text) for prompt in prompts for text in ("at sat", "在垫子上", "q", "")]
    assert [reply.logprob for reply in far.score(pairs)] == [reply.logprob for reply in toy.score(pairs)]
    pairs = [(prompt, text) for prompt, text in pairs if text]
    assert far.score(pairs) == toy.score(pairs)
    assert far.embed(["猫", "cat"]) == toy.embed(["猫", "cat"])
    [told] = far.model_copy(update={"logprobs": True}).generate(prompts[:1], SHORT)
    [own] = toy.generate(prompts[:1], SHORT)
    assert told.logprob == pytest.approx(own.logprob)


def test_a_task_gets_the_same_grades_from_afar() -> None:
    task = Spelling()
    questions = list(task.questions())
    near, far = ask(task, Toy(), questions), ask(task, OpenAI.example(), questions)
    assert [task.grade(*pair) for pair in zip(questions, near, strict=True)] == [
        task.grade(*pair) for pair in zip(questions, far, strict=True)
    ]


def test_a_server_that_cannot_score_is_one_message(start: Start) -> None:
    server = start(lambda *_: Say())
    with pytest.raises(RecipeError, match="does not tell how likely"):
        asking(server).score([(text_prompt("a"), "b")] * 50)
    assert len(server.heard) <= 2
    only_echo = start(lambda _, heard: Say(_echo(heard, ["a", "b"])))
    with pytest.raises(RecipeError, match="raw texts only"):
        asking(only_echo, scoring="echo").score([(CHAT, "b")])


def _echo(heard: Heard, tokens: list[str], values: list[float | None] | None = None) -> dict[str, object]:
    known = values or [None, *[-1.0] * (len(tokens) - 1)]
    tops = [None if value is None else {"?": -0.5, "!": value} for value in known]
    told = {"tokens": tokens, "token_logprobs": known, "top_logprobs": tops}
    return {"choices": [{"text": "", "logprobs": told}], "usage": {"prompt_tokens": len(tokens) - 1}}


def test_no_token_is_counted_twice_or_forgotten(start: Start) -> None:
    """With and without a token that begins the text; the last token is one that was written behind it."""
    plain = ["The", " sky", " is", " blue", ".", "\n"]
    values = [None, -1.0, -2.0, -4.0, -8.0, -16.0]
    pair = (text_prompt("The sky is"), " blue.")
    for begin, first in (([], []), (["<s>"], [None])):
        tokens, known = [*begin, *plain], [*first, *(values if not begin else [-0.1, *values[1:]])]
        server = start(lambda _, heard, tokens=tokens, known=known: Say(_echo(heard, tokens, known)))
        [reply] = asking(server, scoring="echo").score([pair])
        assert (reply.logprob, reply.tokens, reply.greedy) == (-12.0, 2, False)
        assert reply.prompt_tokens == 3 + len(begin)


def test_halves_of_a_character_are_counted_by_the_server(start: Start) -> None:
    def script(_: int, heard: Heard) -> Say:
        if "echo" not in heard.body:
            return Say({"choices": [{"text": "x"}], "usage": {"prompt_tokens": 3}})
        return Say(_echo(heard, ["天", "�", "�", "�", "�", "."], [None, -1.0, -2.0, -4.0, -8.0, -16.0]))

    server = start(script)
    replies = asking(server, scoring="echo").score([(text_prompt("天空"), "蓝")] * 4)
    assert {(reply.logprob, reply.tokens) for reply in replies} == {(-12.0, 2)}
    assert sum("echo" not in heard.body for heard in server.heard) == 1, "the prompt was counted more than once"


@given(st.lists(st.text("ab 你好", min_size=1, max_size=4), min_size=1, max_size=8), st.data())
def test_the_first_token_of_a_text_is_found(tokens: list[str], data: st.DataObject) -> None:
    whole = "".join(tokens)
    at = data.draw(st.integers(0, len(whole) - 1))
    found = first_of([Token(token, -1.0) for token in tokens], whole[:at], whole[at:])
    assert found is not None
    first, last = found
    assert last == len(tokens)
    assert len("".join(tokens[:first])) <= at < len("".join(tokens[: first + 1]))


def test_tokens_are_guessed() -> None:
    assert [guess(text) for text in ("", "four", "fives", "四个汉字", "mix 混合")] == [0, 1, 2, 4, 3]
