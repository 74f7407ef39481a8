"""A served model answers as it does by itself, over sockets as any client opens them."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest

from lmloop.core.errors import DataError, LmloopError
from lmloop.core.model import Prompt, Reply, Sampling, Writing, raw_text, text_prompt
from lmloop.core.record import Turn
from lmloop.core.weights import model
from lmloop.models.openai import OpenAI
from lmloop.models.toy import Toy
from lmloop.serving.local import address
from lmloop.serving.queue import Queue
from lmloop.serving.server import serve


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``lmloop serve toy`` as a process of its own, and its address."""
    command = [sys.executable, "-m", "lmloop", "serve", "toy", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stderr is not None
        found = re.search(r"http://\S+", process.stderr.readline())
        assert found is not None
        yield process, found[0]
        process.kill()


def ask(url: str, path: str, body: dict[str, Any], key: str = "") -> tuple[int, str]:
    """Post a body; give the status and what came."""
    place = urlsplit(url)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=30)
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    connection.request("POST", place.path + path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_a_text_and_a_chat_are_the_model_s_own(server: tuple[subprocess.Popen[str], str]) -> None:
    sampling = Sampling(max_tokens=12)
    for path, prompt, asked in (
        ("/completions", text_prompt("the c"), {"prompt": "the c"}),
        ("/chat/completions", (Turn("user", "猫坐"),), {"messages": [{"role": "user", "content": "猫坐"}]}),
    ):
        status, text = ask(server[1], path, {"model": "toy", "max_tokens": 12, "temperature": 0, **asked})
        answer = json.loads(text)
        [reply] = Toy().generate([prompt], sampling)
        [choice] = answer["choices"]
        assert status == 200
        assert (choice.get("text") or choice["message"]["content"]) == reply.text
        assert choice["finish_reason"] == ("length" if reply.cut else "stop")
        assert answer["usage"]["completion_tokens"] == reply.tokens


def test_a_stream_adds_up_to_the_reply(server: tuple[subprocess.Popen[str], str]) -> None:
    body = {"model": "toy", "prompt": "the c", "max_tokens": 12, "temperature": 0, "stream": True}
    _, text = ask(server[1], "/completions", body)
    events = [line.removeprefix("data: ") for line in text.split("\n") if line]
    assert events[-1] == "[DONE]"
    pieces = [json.loads(event)["choices"][0]["text"] for event in events[:-1]]
    assert "".join(pieces) == Toy().generate([text_prompt("the c")], Sampling(max_tokens=12))[0].text
    assert len([piece for piece in pieces if piece]) > 1


def test_an_echo_tells_how_likely_each_token_is(server: tuple[subprocess.Popen[str], str]) -> None:
    body = {"model": "toy", "prompt": "the cat", "max_tokens": 0, "echo": True, "logprobs": 1}
    _, text = ask(server[1], "/completions", body)
    told = json.loads(text)["choices"][0]["logprobs"]
    assert "".join(told["tokens"]) == "the cat"
    [reply] = Toy().score([(text_prompt("the"), " cat")])
    assert sum(told["token_logprobs"][3:]) == pytest.approx(reply.logprob)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/completions", {"prompt": "a", "max_tokens": -1}, 400),
        ("/completions", {"prompt": "half of a character: \ud800", "echo": True}, 400),
        ("/chat/completions", {"messages": "no"}, 400),
        ("/nowhere", {}, 404),
    ],
)
def test_what_is_wrong_is_said(
    server: tuple[subprocess.Popen[str], str], path: str, body: dict[str, Any], status: int
) -> None:
    found, text = ask(server[1], path, body)
    assert (found, bool(json.loads(text)["error"]["message"])) == (status, True)


class Frail(Toy):
    """A toy that fails at one prompt, and refuses another."""

    def stream(self, prompt: Prompt, sampling: Sampling) -> Generator[str, None, Reply]:
        """Write, or not."""
        if raw_text(prompt) == "fail":
            raise ValueError
        if raw_text(prompt) == "refuse":
            raise DataError("not this")
        return (yield from super().stream(prompt, sampling))


def test_what_the_model_fails_at_is_said_and_falls_on_nobody_else(capfd: pytest.CaptureFixture[str]) -> None:
    url = address(Frail(), "frail")
    for prompt, status, said in (("fail", 500, "ValueError"), ("refuse", 400, "not this")):
        found, text = ask(url, "/completions", {"prompt": prompt})
        assert (found, said in json.loads(text)["error"]["message"]) == (status, True)
        _, text = ask(url, "/completions", {"prompt": prompt, "stream": True})
        assert said in text
    far = OpenAI(model="frail", url=url, concurrency=8)
    sampling = Sampling(max_tokens=5)
    prompts = [text_prompt(text) for text in ("the", "refuse", "the c", "the d")]
    replies = far.generate(prompts, sampling)
    assert [bool(reply.error) for reply in replies] == [False, True, False, False]
    assert [replies[n].text for n in (0, 2, 3)] == [Toy().generate([prompts[n]], sampling)[0].text for n in (0, 2, 3)]
    assert "Traceback" not in capfd.readouterr().err


def test_one_of_a_bundle_that_is_refused_falls_on_nobody_else() -> None:
    queue = Queue(Frail())
    asked = [Writing(text_prompt(text), Sampling(max_tokens=5)) for text in ("the", "refuse", "the c")]

    async def each() -> list[list[Reply] | BaseException]:
        gate = Event()
        busy = asyncio.create_task(queue.call(gate.wait))
        waiting = [asyncio.create_task(queue.ask([one])) for one in asked]
        await asyncio.sleep(0)
        gate.set()
        await busy
        return await asyncio.gather(*waiting, return_exceptions=True)

    found = asyncio.run(each())
    queue.close()
    assert [type(one) for one in found] == [list, DataError, list]


def test_without_the_key_nobody_is_answered() -> None:
    url = address(Toy(), "toy", key="right")
    body = {"prompt": "the", "max_tokens": 2}
    assert [ask(url, "/completions", body, key)[0] for key in ("", "wrong", "right")] == [401, 401, 200]


def test_many_at_once_are_answered_each_by_its_own(server: tuple[subprocess.Popen[str], str]) -> None:
    far = OpenAI(model="toy", url=server[1], concurrency=32)
    prompts = [text_prompt(f"the {letter}") for letter in "cdmsol"] * 8
    sampling = Sampling(max_tokens=10)
    assert [reply.text for reply in far.generate(prompts, sampling)] == [
        reply.text for reply in Toy().generate(prompts, sampling)
    ]
    pairs = [(prompt, " sat") for prompt in prompts]
    near = [reply.logprob for reply in Toy().score(pairs)]
    assert [reply.logprob for reply in far.score(pairs)] == pytest.approx(near)


def test_ctrl_c_stops_it_cleanly(server: tuple[subprocess.Popen[str], str]) -> None:
    process, url = server
    place = urlsplit(url)
    waiting = HTTPConnection(place.hostname or "", place.port, timeout=30)
    waiting.request("GET", "/health")
    assert waiting.getresponse().read()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in said
    waiting.close()


def test_a_model_that_is_not_there_fails_before_anybody_asks(tmp_path: Path) -> None:
    for name in (f"gguf:{tmp_path / 'gone.gguf'}", f"lmloop:{tmp_path}", "openai:gone@http://127.0.0.1:9/v1"):
        opened: list[str] = []
        with pytest.raises(LmloopError, match=r"no file|no model|no answer"):
            asyncio.run(serve(model(name), "gone", ("127.0.0.1", 0), opened.append))
        assert not opened


def test_a_server_that_wants_a_key_says_so_before_it_is_served_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(LmloopError, match="key"):
        asyncio.run(serve(OpenAI(model="toy", url=address(Toy(), "toy", key="right")), "toy", ("127.0.0.1", 0), print))
