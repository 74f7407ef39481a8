"""What is wrong with a server is said in words that help."""

import socket

import pytest
from faulty import DONE, EVENT, MODELS, STREAM, faulty, page

from lmloop.core.errors import StepError
from lmloop.loadtest.probe import Access, look
from lmloop.loadtest.target import Address, Form, address


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("localhost:8000", Address("localhost", 8000, False, "/v1")),
        ("https://api.example.com/v1/", Address("api.example.com", 443, True, "/v1")),
        ("http://h/base/v1/chat/completions", Address("h", 80, False, "/base/v1")),
        ("http://[::1]:99", Address("::1", 99, False, "/v1")),
    ],
)
def test_a_url_may_be_of_the_server_or_of_its_endpoint(url: str, found: Address) -> None:
    assert address(url) == found


def answering(models: bytes, chat: bytes, picky: bool = False) -> object:
    def answer(request: bytes, client: socket.socket) -> bytes:
        if request.startswith(b"GET"):
            return models
        if picky and b"stream_options" in request:
            return page(b'{"error": {"message": "unknown field"}}', "400 Bad Request")
        return chat

    return answer


FINE = STREAM + EVENT + DONE


@pytest.mark.parametrize(
    ("models", "chat", "form", "words", "hint"),
    [
        (page(b"{}"), FINE, Form(), "does not list its models", "--model"),
        (MODELS, page(b'{"detail": "Not Found"}', "404 Not Found"), Form(), "404: Not Found", "/v1"),
        (MODELS, page(b'{"error": {"message": "no"}}', "404 Not Found"), Form(model="x"), "no model 'x'", "it has: m"),
        (MODELS, page(b'{"error": "key"}', "401 Unauthorized"), Form(), "wants a key", "OPENAI_API_KEY"),
        (MODELS, page(b"oops", "500 Internal"), Form(), "500: oops", "--set request.extra"),
        (MODELS, page(b'{"choices": [{"message": {"content": "a"}}]}'), Form(), "stream of events", "--no-stream"),
        (MODELS, page(b"<html>", kind="text/html"), Form(), "does not answer as it should", "OpenAI"),
        (MODELS, b"SSH-2.0-OpenSSH\r\n", Form(), "protocol", "OpenAI"),
        (MODELS, STREAM + EVENT, Form(), "incomplete", "OpenAI"),
        (MODELS, b"", Form(), "closed", "OpenAI"),
    ],
)
def test_mistakes_are_told_apart(models: bytes, chat: bytes, form: Form, words: str, hint: str) -> None:
    with faulty(answering(models, chat)) as url, pytest.raises(StepError) as told:  # type: ignore[arg-type]
        look(Access(address(url)), form)
    assert words in told.value.message
    assert hint in told.value.hint


def test_a_server_that_knows_no_stream_options_is_asked_without() -> None:
    with faulty(answering(MODELS, FINE, picky=True)) as url:  # type: ignore[arg-type]
        assert look(Access(address(url)), Form()) == Form(model="m", usage=False)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(StepError, match="nothing listens"):
        look(Access(address(f"127.0.0.1:{port}")), Form())
    with pytest.raises(StepError, match="no host"):
        look(Access(address("no-such-host.invalid")), Form())
