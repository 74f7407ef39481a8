"""Whole streams read at once, where they are as most are: a line of JSON an event, most of which differ in little.

What is found is what reading them bit by bit finds; where a stream is not that plain, nothing is found.
"""

import re
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

import numpy as np

from lmloop.loadtest.frames import Exchange
from lmloop.loadtest.http import Framing, FramingError

MARKS: Final = (b'"content":"', b'"text":"', b'"content": "', b'"text": "', b'"reasoning_content":"')
"""What stands before the text of a part. No string of JSON holds such bytes: quotes within it are escaped."""
START: Final = b"data: "
BETWEEN: Final = b"\n\ndata: "
DIGITS: Final = b"0123456789"
ESCAPES: Final = re.compile(rb'\\["\\/bfnrt]')
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Stream:
    """A response that is a stream, its head read; ``ends`` are the events' ends in the body, ``stamps`` in ns."""

    framing: Framing
    body: bytes
    ends: list[int]
    stamps: Array

    def event(self, place: int) -> bytes:
        """Give the data of an event."""
        start = self.ends[place - 1] if place else 0
        return self.body[start + len(START) : self.ends[place] - 2]

    def alike(self, place: int) -> list[bool]:
        """Tell which events differ from this one, a part with text, in nothing but digits and the text; and have text.

        The first and the last of several in a row may be missing.
        """
        bare, no = _bare(self.body), [False] * len(self.ends)
        model = bare.split(BETWEEN, place + 1)[place]
        found = [mark for mark in MARKS if mark in model]
        if len(found) != 1 or model.count(found[0]) != 1 or b"\\" in model:
            return no
        before, mark, rest = model.partition(found[0])
        # what stands between the texts of two such events
        tail = rest[rest.index(b'"') :] + BETWEEN + before
        least, quotes = len(tail), tail.count(b'"')
        alike, (first, *pieces) = list(no), bare.split(mark)
        at, after_same = first.count(BETWEEN), False
        for piece in pieces:
            same = piece.endswith(tail) and piece.count(b'"') == quotes and b"\\" not in piece
            alike[at] = same and after_same and len(piece) > least
            at += 1 if same else piece.count(BETWEEN)
            after_same = same
        return alike if at == len(no) - 1 else no


def stream(exchange: Exchange) -> Stream | None:
    """Cut a whole stream into its events; None where it is not plain."""
    raw, framing = bytes(exchange.raw), Framing()
    start = raw.find(b"\r\n\r\n") + 4
    try:
        framing.feed(raw[:start])
    except FramingError:
        return None
    if framing.status != 200 or "event-stream" not in framing.headers.get("content-type", ""):
        return None
    if "chunked" in framing.headers.get("transfer-encoding", "").lower():
        found = _unchunked(raw, start)
    else:
        found = raw[start:], np.array([len(raw) - start]), np.array([start])
    if found is None or (ends := _ends(found[0])) is None:
        return None
    body, edges, offsets = found
    read = np.cumsum(np.frombuffer(exchange.sizes, np.uint32), dtype=np.int64)
    places = np.searchsorted(read, ends + offsets[np.searchsorted(edges, ends)])
    return Stream(framing, body, ends.tolist(), np.frombuffer(exchange.stamps, np.int64)[places])


def _unchunked(raw: bytes, start: int) -> tuple[bytes, Array, Array] | None:
    """Give the body; where each chunk ends in it; and how far behind its place in the body each chunk was sent."""
    lines = raw[start:].split(b"\r\n")
    if lines[-3:] != [b"0", b"", b""] or len(lines) < 5 or len(lines) % 2 == 0:
        return None
    sizes, chunks = lines[:-3:2], lines[1:-3:2]
    try:
        told = list(map(int, sizes, repeat(16)))
    except ValueError:
        return None
    if told != list(map(len, chunks)):
        return None
    # before a chunk stand its size, the sizes before it, and two line ends for each chunk before it
    before = np.cumsum(np.fromiter(map(len, sizes), np.int64, len(sizes))) + 4 * np.arange(len(sizes)) + 2
    return b"".join(chunks), np.cumsum(told), start + before


def _ends(body: bytes) -> Array | None:
    """Give where each event ends, if each is one line of valid characters."""
    letters = np.frombuffer(body, np.uint8)
    lines = np.flatnonzero(letters == 10)
    ends = lines[1::2] + 1
    if not body.startswith(START) or not body.endswith(b"\n\n") or (lines[::2] + 2 != ends).any():
        return None
    if body.count(BETWEEN) != len(ends) - 1 or np.count_nonzero(letters < 32) != len(lines):
        return None
    try:
        body.decode()
    except UnicodeDecodeError:
        return None
    return ends


def _bare(body: bytes) -> bytes:
    """Leave out digits; an escaped character, two characters long, becomes one."""
    bare = body.removeprefix(START).translate(None, DIGITS)
    return ESCAPES.sub(b"_", bare) if b"\\" in bare else bare
