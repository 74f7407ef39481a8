"""A connection to the server: the moment of each read is taken before anything else is done with it."""

import asyncio
import errno
import socket
import ssl
from contextlib import suppress
from typing import Protocol, cast

from lmloop.loadtest.clock import now
from lmloop.loadtest.frames import Exchange
from lmloop.loadtest.http import Framing, FramingError
from lmloop.loadtest.places import Reads
from lmloop.loadtest.replies import Reply
from lmloop.loadtest.sockets import Loop, Wire
from lmloop.loadtest.target import Address


class Line(Protocol):
    """What a connection needs of a transport."""

    def write(self, data: bytes) -> None:
        """Send."""

    def abort(self) -> None:
        """Close at once."""


class Connection(asyncio.Protocol):
    """One socket, on which one exchange is under way at a time."""

    def __init__(self, start: int) -> None:
        self.open = False
        self.fresh = True
        self._start = start
        self._line: Line | None = None
        self._wire: Wire | None = None
        self._exchange: Exchange | None = None
        self._framing = Framing()
        self._seen = 0  # bytes of the response that the framing has seen
        self._reply: Reply | None = None
        self._ended: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport: small writes go out at once."""
        self._line, self.open = cast(asyncio.Transport, transport), True
        if sock := transport.get_extra_info("socket"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def hold(self, wire: Wire) -> None:
        """Take a socket that the loop reads itself."""
        self._line = self._wire = wire
        self.open, wire.user = True, self

    def send(self, exchange: Exchange, request: bytes, reply: Reply | None) -> "asyncio.Future[None]":
        """Send a request; the future is done when the exchange has ended. A ``reply`` is read while it comes."""
        assert self._line is not None
        assert self._exchange is None
        self._exchange, self._framing, self._reply, self._seen = exchange, Framing(), reply, 0
        self._ended = asyncio.get_running_loop().create_future()
        exchange.sent = now() - self._start
        self._line.write(request)
        return self._ended

    def data_received(self, data: bytes) -> None:
        """Take the moment before anything else."""
        self.take(now(), data)

    def take(self, moment: int, data: bytes) -> None:
        """Keep the bytes and when they came, and see whether the response is whole."""
        exchange = self._exchange
        if exchange is None:
            self.abort()
            return
        stamp = moment - self._start
        exchange.stamps.append(stamp)
        exchange.sizes.append(len(data))
        exchange.raw += data
        if self._reply is not None:
            with suppress(FramingError):  # told of below
                self._reply.feed(stamp, data)
        self._follow(exchange)
        if self._wire is not None and self._reply is None and self._exchange is not None and self._framing.at_chunk:
            self._wire.follow()

    def take_many(self, reads: Reads, whole: bool, on: bool) -> None:
        """Keep what a wire has read of a stream, and look at it where the wire neither saw its end nor goes on."""
        exchange = self._exchange
        assert exchange is not None
        exchange.stamps.frombytes((reads.stamps - self._start).tobytes())
        exchange.sizes += reads.sizes
        exchange.raw += reads.raw
        if whole:
            self._whole()
        elif not on:
            self._follow(exchange)

    def _follow(self, exchange: Exchange) -> None:
        """See whether the response is whole with what was read since this was asked last."""
        data, self._seen = bytes(exchange.raw[self._seen :]), len(exchange.raw)
        try:
            whole = self._framing.feed(data)
        except FramingError as bad:
            self._end("protocol", str(bad))
            self.abort()
            return
        if whole:
            self._whole()

    def _whole(self) -> None:
        if not self._framing.keep_alive:
            self.abort()
        self._end("ok")

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end: of a response that says no length, that is its end; of any other, an error."""
        self.open = False
        if self._exchange is None:
            return
        if self._framing.close():
            self._end("ok")
        else:
            self._end("closed", f"the server closed the connection: {exc or 'before the end of its reply'}")

    def give_up(self, outcome: str, note: str) -> None:
        """End an exchange that is under way, and the connection with it."""
        if self._wire is not None:
            self._wire.settle()
        self._end(outcome, note)
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self.open = False
        if self._line is not None:
            self._line.abort()

    def _end(self, outcome: str, note: str = "") -> None:
        exchange, ended = self._exchange, self._ended
        if exchange is None or ended is None:
            return
        exchange.ended = exchange.stamps[-1] if outcome == "ok" and exchange.stamps else now() - self._start
        exchange.outcome, exchange.note = outcome, note
        self._exchange, self._ended, self.fresh = None, None, False
        if not ended.done():
            ended.set_result(None)


async def connect(where: Address, context: ssl.SSLContext | None, start: int) -> Connection:
    """Open a connection.

    Raises:
        OSError: the server is not there, or this machine has no more sockets.
    """
    loop = asyncio.get_running_loop()
    if context is None and isinstance(loop, Loop):
        connection, wire = Connection(start), await loop.wire(where.host, where.port)
        connection.hold(wire)
        return connection
    named = where.host if context is not None else None
    _, made = await loop.create_connection(
        lambda: Connection(start), where.host, where.port, ssl=context, server_hostname=named
    )
    return made


def why(bad: OSError) -> tuple[str, str]:
    """Say how an exchange ended whose connection could not be made; ``client`` where this machine is at its limit."""
    ours = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.ENOMEM)
    if bad.errno in ours:
        return "client", f"this machine has no more sockets: {bad.strerror}"
    return "refused", str(bad.strerror or bad)
