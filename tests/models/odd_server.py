"""A server of our own that answers as it is told to: late, broken, refusing, or not at all."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

GOOD = {"choices": [{"text": "yes", "finish_reason": "stop"}], "usage": {"prompt_tokens": 2, "completion_tokens": 1}}


@dataclass
class Say:
    """An answer: its status, body and headers; after how many seconds; ``drop``: hang up in the middle of it."""

    body: Any = field(default_factory=lambda: GOOD)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    drop: bool = False


@dataclass
class Heard:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


class OddServer:
    """Listens at a free port; ``script`` says what to answer to the request of a number, from 0."""

    def __init__(self, script: Callable[[int, Heard], Say]) -> None:
        self.script, self.heard = script, list[Heard]()
        self.now = self.most = 0
        self.loop = asyncio.new_event_loop()
        self.server: asyncio.Server = self.loop.run_until_complete(
            asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=4096)
        )
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/v1"
        self.thread = Thread(target=self.loop.run_forever)
        self.thread.start()

    def close(self) -> None:
        """Stop at once: whoever is connected is hung up on."""
        if self.loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _end(self) -> None:
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        self.heard.append(Heard(head[0].split()[1], headers, body, self.loop.time()))
        say = self.script(len(self.heard) - 1, self.heard[-1])
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(say.after)
        self.now -= 1
        data = say.body if isinstance(say.body, bytes) else json.dumps(say.body).encode()
        lines = [f"HTTP/1.1 {say.status} X", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in say.headers.items()]
        whole = "\r\n".join([*lines, "", ""]).encode() + data
        writer.write(whole[: len(whole) // 2] if say.drop else whole)
        await writer.drain()
        return not say.drop
