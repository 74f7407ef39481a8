"""The loop that reads sockets itself: the same bytes and endings as any client, however a response is cut."""

import asyncio
import socket
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmloop.loadtest import sockets
from lmloop.loadtest.clock import SECOND
from lmloop.loadtest.connection import connect
from lmloop.loadtest.frames import Exchange
from lmloop.loadtest.target import Address

pytestmark = pytest.mark.skipif(not sockets.THERE, reason="only on 64-bit Linux")

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes, told: bytes = b"%x") -> bytes:
    return told % len(data) + b"\r\n" + data + b"\r\n"


async def answered(pieces: list[bytes], close: bool, pause: float = 0.0) -> Exchange:
    """Ask a server that sends these pieces one by one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = Address("127.0.0.1", listening.getsockname()[1], False, "/v1")
        connection = await connect(where, None, time.monotonic_ns())
        exchange = Exchange(0, 0, 0, 0)
        ended = connection.send(exchange, b"GET / HTTP/1.1\r\n\r\n", None)
        server, _ = listening.accept()
        with server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                server.sendall(piece)
                await asyncio.sleep(pause)
            if close:
                server.shutdown(socket.SHUT_RDWR)
            await asyncio.wait([ended], timeout=0.3)
            if not ended.done():
                connection.give_up("timeout", "")
        connection.abort()
    return exchange


def ask(pieces: list[bytes], close: bool = False, pause: float = 0.0) -> Exchange:
    with asyncio.Runner(loop_factory=sockets.Loop) as runner:
        return runner.run(answered(pieces, close, pause))


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=6), cuts=st.lists(st.integers(0, 40_000), max_size=12))
def test_a_stream_is_whole_wherever_it_is_cut(sizes: list[int], cuts: list[int]) -> None:
    told = [b"%x", b"%X;name=value", b"0%x"]
    data = HEAD + b"".join(chunk(b"x" * size, told[place % 3]) for place, size in enumerate(sizes)) + END
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    exchange = ask([data[start:end] for start, end in pairwise(edges)])
    assert (exchange.outcome, bytes(exchange.raw)) == ("ok", data)
    assert sum(exchange.sizes) == len(data)
    assert len(exchange.stamps) == len(exchange.sizes)
    assert sorted(exchange.stamps) == list(exchange.stamps)


@pytest.mark.parametrize(
    ("rest", "close", "outcome"),
    [
        (chunk(b"ab") + b"oops\r\n", False, "protocol"),
        (b"5\r\nabcdefgh\r\n", False, "protocol"),
        (chunk(b"ab") + END + b"more", False, "protocol"),
        (chunk(b"ab") + b"0\r\nTrailer: 1\r\n\r\n", False, "ok"),
        (chunk(b"ab"), True, "closed"),
        (chunk(b"ab"), False, "timeout"),
        (chunk(b"a" * 70_000) + chunk(b"b" * 70_000) + END, False, "ok"),
    ],
)
def test_how_a_stream_ends(rest: bytes, close: bool, outcome: str) -> None:
    exchange = ask([HEAD + chunk(b"first"), rest], close, 0.01)
    assert exchange.outcome == outcome
    if outcome != "protocol":
        assert bytes(exchange.raw) == HEAD + chunk(b"first") + rest


def test_each_part_has_the_moment_at_which_it_came_though_it_is_read_later() -> None:
    async def busy() -> tuple[Exchange, list[int]]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            start, sent = time.monotonic_ns(), []
            connection = await connect(Address("127.0.0.1", listening.getsockname()[1], False, ""), None, start)
            exchange = Exchange(0, 0, 0, 0)
            ended = connection.send(exchange, b"GET / HTTP/1.1\r\n\r\n", None)
            with listening.accept()[0] as server:
                for data in (HEAD, chunk(b"one"), chunk(b"two") + END):
                    sent.append(time.monotonic_ns() - start)
                    server.sendall(data)
                    time.sleep(0.02)  # nothing is read meanwhile
                    await asyncio.sleep(0)
                await ended
            connection.abort()
        return exchange, sent

    with asyncio.Runner(loop_factory=sockets.Loop) as runner:
        exchange, sent = runner.run(busy())
    assert len(exchange.stamps) == 3
    for came, left in zip(exchange.stamps, sent, strict=True):
        assert left < came < left + SECOND // 66
