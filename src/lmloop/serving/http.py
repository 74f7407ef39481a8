"""A small HTTP/1.1 server on asyncio: JSON in, JSON or a stream of events out, connections kept open."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

LONGEST_HEAD = 64 * 1024
LONGEST_BODY = 64 * 1024 * 1024
PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its method, path, headers (their names in small letters) and body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class HttpError(Exception):
    """Why a request gets no answer, with the status to tell it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Answer: TypeAlias = dict[str, Any] | AsyncIterator[str]
"""An object to send as JSON, or the data of events to send one by one."""

Handler: TypeAlias = Callable[[Asked], Awaitable[Answer]]


async def listen(handler: Handler, host: str, port: int) -> asyncio.Server:
    """Listen at an address; port 0 takes any that is free."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError)
        # called off where the server stops: asyncio would tell of it as of an error
        with suppress(asyncio.CancelledError):
            with suppress(*gone):
                while await _serve(handler, reader, writer):
                    pass
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    return await asyncio.start_server(connected, host, port, limit=LONGEST_HEAD, backlog=4096)


async def _serve(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; tell whether the connection stays open."""
    try:
        asked = await _read(reader)
        if asked is None:
            return False
        answer = await handler(asked)
    except HttpError as bad:
        await _send(writer, bad.status, problem(str(bad)))
        return bad.status != 400
    if isinstance(answer, dict):
        await _send(writer, 200, answer)
    else:
        await _stream(writer, answer)
    return asked.headers.get("connection", "").lower() != "close"


def problem(message: str) -> dict[str, Any]:
    """Word an error as OpenAI's servers do."""
    return {"error": {"message": message, "type": "invalid_request_error"}}


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        raise HttpError(400, "this is not HTTP")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    if headers.get("transfer-encoding", "identity").lower() != "identity":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(_size(headers.get("content-length", "0"), 10))
    return Asked(words[0], words[1].partition("?")[0], headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    total = 0
    while True:
        size = _size((await reader.readuntil(b"\r\n")).partition(b";")[0].strip().decode("latin-1"), 16)
        total += size
        if total > LONGEST_BODY:
            raise HttpError(400, f"a body has at most {LONGEST_BODY} bytes")
        part = await reader.readexactly(size + 2)
        if not size:
            return b"".join(parts)
        parts.append(part[:-2])


def _size(text: str, base: int) -> int:
    try:
        size = int(text, base)
    except ValueError:
        size = -1
    if not 0 <= size <= LONGEST_BODY:
        raise HttpError(400, f"a body has 0 to {LONGEST_BODY} bytes, not {text[:40]}")
    return size


async def _send(writer: asyncio.StreamWriter, status: int, answer: Mapping[str, Any]) -> None:
    body = json.dumps(answer, ensure_ascii=False).encode()
    head = f"HTTP/1.1 {status} {PHRASES.get(status, 'Error')}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()


async def _stream(writer: asyncio.StreamWriter, events: AsyncIterator[str]) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    async for event in events:
        data = f"data: {event}\n\n".encode()
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()
