"""HTTP/1.1 as a client sees it: where a response's head ends, which bytes are its body, and when it is whole.

RFC 9112, sections 4 to 7. Bytes may come cut at any place; nothing is looked at twice but what was cut.
"""

from enum import Enum, auto
from typing import Final

MOST_LINE: Final = 64 << 10
"""A head, a chunk's size line or a trailer longer than this is no HTTP that we know."""
HEX: Final = frozenset(b"0123456789abcdefABCDEF")


class FramingError(ValueError):
    """The bytes are not an HTTP/1.1 response."""


class _State(Enum):
    HEAD = auto()
    SIZE = auto()
    TRAILER = auto()
    LENGTH = auto()
    CLOSE = auto()
    WHOLE = auto()


class Framing:
    """Follows one response: give it what is read, ask whether it is ``whole``.

    ``status`` is 0 until the head is read; header names are lower case. With ``keep``, ``body`` gathers the body.
    Bytes behind a whole response are an error: there is only one request on the way on a connection.
    """

    __slots__ = ("_rest", "_skip", "_state", "_tail", "body", "headers", "keep", "keep_alive", "status")

    def __init__(self, keep: bool = False) -> None:
        self.keep = keep
        self.body = bytearray()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.keep_alive = True
        self._state = _State.HEAD
        self._tail = b""
        self._skip = 0  # of the chunk that is being read: bytes still to come
        self._rest = 0  # of a body of known length: bytes still to come

    @property
    def whole(self) -> bool:
        """Whether all of the response was read."""
        return self._state is _State.WHOLE

    @property
    def at_chunk(self) -> bool:
        """Whether the next byte begins the size of a chunk."""
        return self._state is _State.SIZE and self._tail == b"\r\n" and not self._skip

    def feed(self, data: bytes) -> bool:
        """Take bytes that were read; say whether the response is whole now.

        Raises:
            FramingError: they are not what HTTP/1.1 says.
        """
        if self._state is _State.SIZE:
            return self._chunks(data)
        if self._state is _State.LENGTH:
            return self._length(data)
        if self._state is _State.CLOSE:
            if self.keep:
                self.body += data
            return False
        if self._state is _State.HEAD:
            return self._head(data)
        if self._state is _State.TRAILER:
            return self._trailer(data)
        if data:
            raise FramingError("the server sent more than was asked for")
        return True

    def close(self) -> bool:
        """Take the end of the connection; say whether the response is whole."""
        if self._state is _State.CLOSE:
            self._state = _State.WHOLE
        return self.whole

    def take(self) -> bytes:
        """Give what ``body`` has gathered since this was asked last."""
        taken = bytes(self.body)
        self.body.clear()
        return taken

    def _chunks(self, data: bytes) -> bool:
        if self._tail:
            data, self._tail = self._tail + data, b""
        length, at = len(data), self._skip
        if self.keep and at:
            self.body += data[:at]
        while at < length:
            # each size line but the first stands behind the line end of the chunk before it
            end = data.find(b"\r\n", at + 2)
            if not b"\r\n".startswith(data[at : at + 2]) or (end < 0 and length - at > MOST_LINE):
                raise FramingError("a chunk is longer than it says, or its size has no end")
            if end < 0:
                break
            size = _size(data[at + 2 : end])
            if size == 0:
                self._state = _State.TRAILER
                return self._trailer(data[end:])
            at = end + 2 + size
            if self.keep:
                self.body += data[end + 2 : at]
        if at < length:
            self._tail, self._skip = data[at:], 0
        else:
            self._skip = at - length
        return False

    def _trailer(self, data: bytes) -> bool:
        """Read up to the blank line behind the last chunk; ``data`` begins with the line end before the trailers."""
        self._tail += data
        end = self._tail.find(b"\r\n\r\n")
        if end < 0:
            if len(self._tail) > MOST_LINE:
                raise FramingError("the trailers have no end")
            return False
        rest = self._tail[end + 4 :]
        return self._finish(rest)

    def _length(self, data: bytes) -> bool:
        if self.keep:
            self.body += data[: self._rest]
        self._rest -= len(data)
        return self._finish(data[self._rest :] if self._rest < 0 else b"") if self._rest <= 0 else False

    def _head(self, data: bytes) -> bool:
        self._tail += data
        end = self._tail.find(b"\r\n\r\n")
        if end < 0:
            if len(self._tail) > MOST_LINE or not b"HTTP/1.".startswith(self._tail[:7]):
                raise FramingError("the answer is not HTTP/1.1")
            return False
        lines = self._tail[:end].decode("latin-1").split("\r\n")
        rest, self._tail = self._tail[end + 4 :], b""
        version = self._read_head(lines)
        if 100 <= self.status < 200 and self.status != 101:
            self.headers = {}
            return self._head(rest) if rest else False
        self._choose(version)
        if self._state is _State.WHOLE:
            return self._finish(rest)
        if self._state is _State.SIZE:
            return self._chunks(rest)
        return self.feed(rest) if rest else False

    def _read_head(self, lines: list[str]) -> str:
        version, _, told = lines[0].partition(" ")
        if not version.startswith("HTTP/1.") or not told[:3].isdigit():
            raise FramingError(f"the answer is not HTTP/1.1: {lines[0][:60]!r}")
        self.status = int(told[:3])
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise FramingError(f"a header has no colon: {line[:60]!r}")
            key = name.strip().lower()
            value = value.strip()
            self.headers[key] = f"{self.headers[key]}, {value}" if key in self.headers else value
        return version

    def _choose(self, version: str) -> None:
        """Find out how the body ends (RFC 9112, section 6.3)."""
        connection = self.headers.get("connection", "").lower()
        self.keep_alive = "close" not in connection and (version != "HTTP/1.0" or "keep-alive" in connection)
        if self.status in (204, 304):
            self._state = _State.WHOLE
        elif "chunked" in self.headers.get("transfer-encoding", "").lower():
            self._state = _State.SIZE
            self._tail = b"\r\n"  # so that the first size line looks like all others
        elif "content-length" in self.headers:
            told = self.headers["content-length"].split(",")[0].strip()
            if not (told.isascii() and told.isdigit()):
                raise FramingError(f"a length of {told[:30]!r}")
            self._rest = int(told)
            self._state = _State.LENGTH if self._rest else _State.WHOLE
        else:
            self._state, self.keep_alive = _State.CLOSE, False

    def _finish(self, rest: bytes) -> bool:
        self._state, self._tail = _State.WHOLE, b""
        if rest:
            raise FramingError("the server sent more than was asked for")
        return True


def _size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip(b" \t")
    if not digits or len(digits) > 16 or not HEX.issuperset(digits):
        raise FramingError(f"the size of a chunk is {bytes(line[:30])!r}")
    return int(digits, 16)
