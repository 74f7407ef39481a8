"""Server-sent events: bytes, cut anywhere, into the data of each event.

The parsing rules are those of the HTML standard, section 9.2.6: lines end in LF, CRLF or CR; several ``data`` lines
are joined by LF; a line that begins with a colon is a comment; a blank line ends the event.
"""


class Events:
    """Gives the data of each event as soon as its blank line is there; everything else of an event is passed over."""

    __slots__ = ("_begun", "_data", "_line", "_return")

    def __init__(self) -> None:
        self._line = b""
        self._data: list[bytes] = []
        self._return = False  # the last byte was a CR: an LF that follows belongs to it
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; give the data of the events that end in them."""
        if self._return and data[:1] == b"\n":
            data, self._return = data[1:], False
        if not data:
            return []
        self._return = data.endswith(b"\r")
        if self._line:
            data = self._line + data
        if not self._begun:
            if data in (b"\xef", b"\xef\xbb"):
                self._line = data
                return []
            self._begun, data = True, data.removeprefix(b"\xef\xbb\xbf")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._line = data.split(b"\n")
        return self._take(lines)

    def _take(self, lines: list[bytes]) -> list[bytes]:
        found = []
        for line in lines:
            if not line:
                if self._data:
                    found.append(b"\n".join(self._data))
                    self._data = []
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line == b"data":
                self._data.append(b"")
        return found

    def close(self) -> list[bytes]:
        """Take the end; give the event that had no blank line behind it, as some servers end with ``data: [DONE]``."""
        self._return = False
        return self.feed(b"\n\n")
