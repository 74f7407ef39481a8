"""A server with known delays: OpenAI-compatible, streaming, and exact about when it writes.

It answers every prompt with as many tokens as it is asked for: the first after ``ttft`` seconds, each further one
``itl`` seconds after the one before, on an absolute time line that begins when the request's last byte is read. Each
event says in ``written_ns`` when it was handed to the socket, on the machine's monotonic clock, so that a client on
the same machine knows its own error to the microsecond. With ``slots``, only so many requests are answered at a time,
and the others wait: a server that can be overloaded.
"""

import argparse
import asyncio
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import orjson

from lmloop.loadtest.clock import SECOND, Timer, now

MODEL = "known-delays"
WORDS = ("The ", "river ", "is ", "long ", "and ", "clear. ", "这", "条", "河", "很", "长", "。")
TOKENS = 16
BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0)


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds to the first token and between tokens; how many requests are answered at a time (0: any number)."""

    ttft: float = 0.1
    itl: float = 0.02
    slots: int = 0


class Service:
    """What all connections share: the timer, the slots, and a histogram of the time to the first token."""

    def __init__(self, delays: Delays) -> None:
        self.delays = delays
        self.timer = Timer(asyncio.get_running_loop())
        self._answering = 0
        self._waiting: deque[_Answer] = deque()
        self._counts = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0

    def begin(self, answer: "_Answer") -> None:
        """Answer now, or when a slot is free."""
        if self.delays.slots and self._answering >= self.delays.slots:
            self._waiting.append(answer)
            return
        self._answering += 1
        answer.start(now())

    def end(self) -> None:
        """Free a slot."""
        self._answering -= 1
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.gone:
                self._answering += 1
                answer.start(now())
                return

    def first(self, seconds: float) -> None:
        """Count a first token."""
        self._sum += seconds
        place = next((place for place, edge in enumerate(BUCKETS) if seconds <= edge), len(BUCKETS))
        self._counts[place] += 1

    def metrics(self) -> bytes:
        """Write the histogram as vLLM does."""
        name = "vllm:time_to_first_token_seconds"
        lines, total = [f"# TYPE {name} histogram"], 0
        for edge, count in zip([*map(str, BUCKETS), "+Inf"], self._counts, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{edge}",model_name="{MODEL}"}} {total}')
        lines += [f'{name}_sum{{model_name="{MODEL}"}} {self._sum}', f'{name}_count{{model_name="{MODEL}"}} {total}']
        return ("\n".join(lines) + "\n").encode()


class _Answer:
    """One streamed (or whole) answer."""

    def __init__(self, connection: "Connection", asked: dict[str, Any], chat: bool) -> None:
        self.gone = False
        self._connection, self._service = connection, connection.service
        self._read = now()
        self._stream = bool(asked.get("stream"))
        self._usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        self._tokens = max(1, int(asked.get("max_tokens") or asked.get("max_completion_tokens") or TOKENS))
        self._prompt = _size(asked)
        self._chat = chat
        self._number = 0
        self._due = 0

    def start(self, at: int) -> None:
        """Begin the time line."""
        delays = self._service.delays
        self._due = at + round(delays.ttft * SECOND)
        if self._stream:
            self._connection.write(STREAM_HEAD)
            if self._chat:
                self._event({"role": "assistant", "content": ""})
            self._service.timer.at(self._due, self._token)
        else:
            self._due += round(delays.itl * SECOND) * (self._tokens - 1)
            self._service.timer.at(self._due, self._all)

    def _token(self) -> None:
        if self.gone:
            self._service.end()
            return
        word = WORDS[self._number % len(WORDS)]
        if not self._number:
            self._service.first((now() - self._read) / SECOND)
        self._number += 1
        last = self._number == self._tokens
        self._event({"content": word} if self._chat else {"text": word}, "length" if last else None)
        if not last:
            self._due += round(self._service.delays.itl * SECOND)
            self._service.timer.at(self._due, self._token)
            return
        tail = b""
        if self._usage:
            tail = _chunk(b"data: " + orjson.dumps({"model": MODEL, "choices": [], "usage": self._used()}) + b"\n\n")
        self._connection.write(tail + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        self._service.end()
        self._connection.ended()

    def _event(self, said: dict[str, str], finish: str | None = None) -> None:
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        choice.update({"delta": said} if self._chat else said)
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        told = {
            "id": "0",
            "object": kind,
            "model": MODEL,
            "read_ns": self._read,
            "written_ns": now(),
            "choices": [choice],
        }
        self._connection.write(_chunk(b"data: " + orjson.dumps(told) + b"\n\n"))

    def _all(self) -> None:
        self._service.first((now() - self._read) / SECOND)
        text = "".join(WORDS[number % len(WORDS)] for number in range(self._tokens))
        said = {"message": {"role": "assistant", "content": text}} if self._chat else {"text": text}
        told = {"model": MODEL, "choices": [{"index": 0, "finish_reason": "length", **said}], "usage": self._used()}
        if not self.gone:
            self._connection.write(_response(orjson.dumps(told)))
        self._service.end()
        self._connection.ended()

    def _used(self) -> dict[str, int]:
        prompt, tokens = self._prompt, self._tokens
        return {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Connection(asyncio.Protocol):
    """One client: a request at a time."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()
        self._answer: _Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone: its slot is free with the next token."""
        self._transport = None
        if self._answer is not None:
            self._answer.gone = True

    def write(self, data: bytes) -> None:
        """Send bytes to a client that is still there."""
        if self._transport is not None:
            self._transport.write(data)

    def ended(self) -> None:
        """Take the next request."""
        self._answer = None

    def data_received(self, data: bytes) -> None:
        """Read requests; an answer begins with the last byte of its request."""
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = self._read[:end].decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        length = int(headers.get("content-length", "0"))
        if len(self._read) < end + 4 + length:
            return
        body = bytes(self._read[end + 4 : end + 4 + length])
        del self._read[: end + 4 + length]
        method, path, _ = lines[0].split(" ", 2)
        self._respond(method, path.partition("?")[0], body)

    def _respond(self, method: str, path: str, body: bytes) -> None:
        if method == "GET" and path == "/v1/models":
            self.write(_response(orjson.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]})))
        elif method == "GET" and path == "/metrics":
            self.write(_response(self.service.metrics(), kind="text/plain"))
        elif method == "POST" and path in ("/v1/chat/completions", "/v1/completions"):
            self._ask(body, "chat" in path)
        else:
            self.write(_response(_error(f"there is no {path}"), "404 Not Found"))

    def _ask(self, body: bytes, chat: bool) -> None:
        try:
            asked = orjson.loads(body)
            model = asked["model"]
        except (ValueError, KeyError, TypeError):
            self.write(_response(_error("the body is no request"), "400 Bad Request"))
            return
        if model != MODEL:
            self.write(_response(_error(f"The model `{model}` does not exist."), "404 Not Found"))
            return
        self._answer = _Answer(self, asked, chat)
        self.service.begin(self._answer)


def _size(asked: dict[str, Any]) -> int:
    """Count the prompt's tokens: its words, or its ids."""
    prompt = asked.get("prompt")
    if isinstance(prompt, list):
        return len(prompt)
    told = prompt if isinstance(prompt, str) else " ".join(str(turn.get("content")) for turn in asked["messages"])
    return len(told.split())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _response(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _error(message: str) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": "invalid_request_error"}})


async def serve(delays: Delays, port: int) -> None:
    """Serve until stdin is closed; the first line of stdout is the URL."""
    loop = asyncio.get_running_loop()
    service = Service(delays)
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", port, backlog=4096)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    gone = loop.create_future()
    loop.add_reader(0, gone.cancel)
    with suppress(asyncio.CancelledError):
        await gone


def main() -> None:
    """Serve with the delays of the command line, until Ctrl-C or the end of stdin."""
    from lmloop.loadtest.worker import run

    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ttft", type=float, default=Delays().ttft)
    parser.add_argument("--itl", type=float, default=Delays().itl)
    parser.add_argument("--slots", type=int, default=0)
    asked = parser.parse_args()
    run(serve(Delays(asked.ttft, asked.itl, asked.slots), asked.port))


if __name__ == "__main__":
    main()
