"""The raw log of a measuring process: a frame for each request, with every read from the socket and its moment.

It is written while the test runs and parsed after it, so that parsing costs no accuracy, and so that a killed test
leaves what it has measured. A frame that was cut off is passed over.
"""

import queue
import struct
import threading
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HEAD: Final = struct.Struct("<IIHBBqqqqIIH")
"""Session, turn, worker, outcome, reused, four moments, number of reads, bytes read, bytes of the note."""

OUTCOMES: Final = ("ok", "timeout", "cancelled", "unfinished", "refused", "closed", "protocol", "client")
"""How an exchange ended, seen from the socket: ``cancelled`` as the test wanted it, ``unfinished`` when it was over."""


@dataclass(slots=True)
class Exchange:
    """One request and what came back, in nanoseconds since the start of the test.

    ``intended`` is when it should have begun, ``begun`` when the client turned to it, ``sent`` when its bytes were
    handed to the socket (-1 if never), ``ended`` when the last byte was read or the wait given up. ``stamps`` and
    ``sizes`` have an entry for each read.
    """

    session: int
    turn: int
    worker: int
    intended: int
    begun: int = 0
    sent: int = -1
    ended: int = 0
    outcome: str = "ok"
    reused: bool = False
    note: str = ""
    stamps: "array[int]" = field(default_factory=lambda: array("q"))
    sizes: "array[int]" = field(default_factory=lambda: array("I"))
    raw: bytearray = field(default_factory=bytearray)

    def reads(self) -> Iterator[tuple[int, bytes]]:
        """Give each read: its moment and its bytes."""
        raw, at = bytes(self.raw), 0
        for stamp, size in zip(self.stamps, self.sizes, strict=True):
            yield stamp, raw[at : at + size]
            at += size


def pack(exchange: Exchange) -> bytes:
    """Write a frame."""
    note = exchange.note.encode()[:1000]
    head = HEAD.pack(
        exchange.session,
        exchange.turn,
        exchange.worker,
        OUTCOMES.index(exchange.outcome),
        exchange.reused,
        exchange.intended,
        exchange.begun,
        exchange.sent,
        exchange.ended,
        len(exchange.stamps),
        len(exchange.raw),
        len(note),
    )
    return b"".join((head, note, exchange.stamps.tobytes(), exchange.sizes.tobytes(), exchange.raw))


def read(path: Path) -> Iterator[Exchange]:
    """Give the exchanges of a log, one at a time."""
    with path.open("rb") as file:
        while len(head := file.read(HEAD.size)) == HEAD.size:
            session, turn, worker, outcome, reused, *moments, reads, size, told = HEAD.unpack(head)
            body = file.read(told + 12 * reads + size)
            if len(body) < told + 12 * reads + size:
                return
            intended, begun, sent, ended = moments
            exchange = Exchange(session, turn, worker, intended, begun, sent, ended, OUTCOMES[outcome], bool(reused))
            exchange.note = body[:told].decode(errors="replace")
            exchange.stamps.frombytes(body[told : told + 8 * reads])
            exchange.sizes.frombytes(body[told + 8 * reads : told + 12 * reads])
            exchange.raw += body[told + 12 * reads :]
            yield exchange


class Log:
    """Writes frames from a thread of its own: a slow disk must not delay the next read from a socket."""

    def __init__(self, path: Path) -> None:
        self._queue: queue.SimpleQueue[Exchange | None] = queue.SimpleQueue()
        self._file = path.open("wb", buffering=1 << 20)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def put(self, exchange: Exchange) -> None:
        """Take an exchange that has ended."""
        self._queue.put(exchange)

    def close(self) -> None:
        """Write all there is."""
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        with self._file as file:
            while (exchange := self._queue.get()) is not None:
                file.write(pack(exchange))
                if self._queue.empty():
                    file.flush()
