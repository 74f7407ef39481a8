"""An event loop that reads plain sockets itself: while a reply streams, without the interpreter.

What was read is stamped by the kernel, when it came: so it may be read somewhat later, together with others. All else
(timers, pipes, connecting, TLS) is asyncio's. On 64-bit Linux only: elsewhere, transports of asyncio read.
"""

import asyncio
import select
import selectors
import socket
import struct
import sys
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from lmloop.kernels.reading import ELSE, SO_TIMESTAMPNS, WHOLE
from lmloop.loadtest.clock import SECOND, now
from lmloop.loadtest.places import Places, Reads

THERE: Final = sys.platform == "linux" and sys.byteorder == "little" and sys.maxsize > 1 << 32
READ: Final = 1 << 16
ROOM: Final = 64
ROUND: Final = SECOND // 1000
"""Streams are read in rounds of a millisecond, as the kernel tells when each part came."""


class User(Protocol):
    """Who a wire tells what it reads."""

    def take(self, moment: int, data: bytes) -> None:
        """Take one read."""

    def take_many(self, reads: Reads, whole: bool, on: bool) -> None:
        """Take what was read of a stream since the last time: to its end, or the wire reads ``on``, or it is odd."""

    def connection_lost(self, bad: Exception | None) -> None:
        """Take the end of the connection."""


class Wire:
    """A connected socket. It speaks like a transport, and can read a stream in chunks by itself."""

    def __init__(self, sockets: "Sockets", sock: socket.socket) -> None:
        self.user: User | None = None
        self._sockets, self._socket, self._rest = sockets, sock, b""
        self._following = False
        sockets.add(sock.fileno(), self)

    def write(self, data: bytes) -> None:
        """Send; what the system does not take at once is sent when it does."""
        if self._rest:
            self._rest += data
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as bad:
            self._end(bad)
            return
        if sent < len(data):
            self._rest = data[sent:]
            self._sockets.watch(self._socket.fileno(), True)

    def follow(self) -> None:
        """Keep what is read, from the next chunk's size on, until the response is whole or something is odd."""
        self._following = True
        self._sockets.places.follow(self._socket.fileno())

    def settle(self, whole: bool = False, on: bool = False) -> None:
        """Hand over what was kept, and follow the stream no more unless ``on``."""
        if self._following and self.user is not None:
            self._following = on
            self.user.take_many(self._sockets.places.take(self._socket.fileno(), on), whole, on)

    def ready(self, events: int, why: int) -> None:
        """Do what is to be done with a socket that is ready."""
        if why != ELSE:
            self.settle(why == WHOLE, why != WHOLE)
            return
        self.settle()
        if events & select.EPOLLOUT and self._rest:
            rest, self._rest = self._rest, b""
            self._sockets.watch(self._socket.fileno(), False)
            self.write(rest)
        if events & ~select.EPOLLOUT and self._socket.fileno() >= 0:
            self._read()

    def abort(self) -> None:
        """Close at once."""
        if self._socket.fileno() >= 0:
            self._sockets.drop(self._socket.fileno())
            self._socket.close()

    def _read(self) -> None:
        try:
            data, told, *_ = self._socket.recvmsg(READ, ROOM)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as bad:
            self._end(bad)
            return
        if data and self.user is not None:
            self.user.take(_moment(told), data)
        elif not data:
            self._end(None)

    def _end(self, bad: Exception | None) -> None:
        self.abort()
        if self.user is not None:
            self.user.connection_lost(bad)


def _moment(told: list[tuple[int, int, bytes]]) -> int:
    """Give when what was just read had come, as far as the system says so."""
    for level, kind, data in told:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, rest = struct.unpack("qq", data)
            moment = now()
            return min(moment, int(seconds * SECOND + rest) - (time.time_ns() - moment))
    return now()


class Sockets(selectors.BaseSelector):
    """Waits for wires, which it reads at once, and for all that asyncio waits for, which it hands on."""

    def __init__(self) -> None:
        self.places = Places()
        self._wires: dict[int, Wire] = {}
        # the kernel begins to stamp a moment after the first socket asks for it: this one does
        self._first = socket.socket()
        self._first.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._others = selectors.DefaultSelector()
        self._epoll = select.epoll()
        self._epoll.register(self._others.fileno(), select.EPOLLIN)
        self._where = self._epoll.fileno(), self._others.fileno()
        self.places.collect(self._where, 0, 0)  # what must be compiled is compiled before the start

    def add(self, descriptor: int, wire: Wire) -> None:
        """Read a socket from now on."""
        self._wires[descriptor] = wire
        self.places.add(descriptor)
        self._epoll.register(descriptor, select.EPOLLIN)

    def watch(self, descriptor: int, room: bool) -> None:
        """Tell also when a socket has room to send, or no more."""
        self._epoll.modify(descriptor, select.EPOLLIN | (select.EPOLLOUT if room else 0))

    def drop(self, descriptor: int) -> None:
        """Read a socket no more."""
        del self._wires[descriptor]
        self.places.drop(descriptor)
        self._epoll.unregister(descriptor)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Read wires until there is something to do for asyncio, or it is time."""
        until = -1 if timeout is None else now() + max(0, round(timeout * SECOND))
        other = False
        for descriptor, events, why in self.places.collect(self._where, until, ROUND):
            if wire := self._wires.get(descriptor):
                wire.ready(events, why)
            else:
                other = True
        return self._others.select(0) if other else []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch something else."""
        return self._others.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Watch it no more."""
        return self._others.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch it otherwise."""
        return self._others.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """Give what else is watched."""
        return self._others.get_map()

    def close(self) -> None:
        """Give back the descriptors."""
        self._first.close()
        self._epoll.close()
        self._others.close()


class Loop(asyncio.SelectorEventLoop):
    """An asyncio loop that can hold wires."""

    def __init__(self) -> None:
        self._sockets = Sockets()
        super().__init__(self._sockets)

    async def wire(self, host: str, port: int) -> Wire:
        """Connect to the first address of a host that answers.

        Raises:
            OSError: none does.
        """
        bad: OSError | None = None
        for family, kind, proto, _, where in await self.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind, proto)
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                await self.sock_connect(sock, where)
            except OSError as found:
                sock.close()
                bad = found
            except BaseException:
                sock.close()
                raise
            else:
                return Wire(self._sockets, sock)
        raise bad or OSError(f"{host} has no address")
