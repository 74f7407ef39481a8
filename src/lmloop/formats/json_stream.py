"""JSON values out of a stream: the items of a list, or values one behind the other, without holding the whole."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from lmloop.core.reader import Reject
from lmloop.formats.encoding import detect
from lmloop.formats.opening import Broken

CHUNK = 1 << 20
SPACE = re.compile(r"[\s,]*")
EXCERPT = 200


def json_values(stream: BinaryIO, most: int, encoding: str) -> Iterator[tuple[Any, int, int]]:
    """Give each value, or a :class:`Reject` where one is broken, with its number from 1 and its size in characters.

    Behind a broken value the reading goes on at the next line, and in a list not at all: what follows is part of it.

    Raises:
        Broken: the encoding is not clear, or a value is larger than ``most``.
    """
    text = _Window(stream, encoding)
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    listed = text.peek() == "["
    text.place += listed
    number = 0
    while (letter := text.peek()) and not (listed and letter == "]"):
        number += 1
        start = text.place
        try:
            value, end = text.decode(decoder, most)
        except RecursionError:
            value, end = Reject("", "nested too deep", "JSON within JSON", text.show()), -1
        except ValueError as bad:
            value, end = Reject("", "not JSON", str(bad)[:EXCERPT], text.show()), -1
        yield value, number, max(end - start, 0)
        if end < 0:
            if listed or not text.next_line():
                return
        else:
            text.place = end
    if listed and not letter:
        yield Reject("", "truncated", "the list does not end"), number + 1, 0


class _Window:
    """The part of a text that is in memory, and a place in it."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self.stream, self.text, self.place, self.ended = stream, "", 0, False
        head = stream.read(CHUNK)
        name = detect(head) if encoding == "auto" else encoding
        self.decoder = codecs.getincrementaldecoder("utf-8-sig" if name == "utf-8" else name)()
        self._take(head)

    def peek(self) -> str:
        """Go to the next letter that is no space and no comma, and give it; nothing at the end."""
        while True:
            match = SPACE.match(self.text, self.place)
            assert match is not None, "it matches nothing, too"
            self.place = match.end()
            if self.place < len(self.text):
                return self.text[self.place]
            if not self.more():
                return ""

    def decode(self, decoder: json.JSONDecoder, most: int) -> tuple[Any, int]:
        """Decode the value here; give it and the place behind it."""
        self.text, self.place = self.text[self.place :], 0
        while True:
            try:
                value, end = decoder.raw_decode(self.text, self.place)
                if end < len(self.text) or not self.more():
                    return value, end
            except ValueError:
                if len(self.text) > most:
                    raise Broken("too large", f"a value of over {most} bytes") from None
                if not self.more(len(self.text)):
                    raise

    def next_line(self) -> bool:
        """Go behind the end of this line."""
        while (end := self.text.find("\n", self.place)) < 0:
            self.text, self.place = "", 0
            if not self.more():
                return False
        self.place = end + 1
        return True

    def show(self) -> str:
        """Show what stands here."""
        return self.text[self.place : self.place + EXCERPT].encode("utf-8", "backslashreplace").decode()

    def more(self, size: int = 0) -> bool:
        """Read on; say whether there was more."""
        if self.ended:
            return False
        before = len(self.text)
        self._take(self.stream.read(max(CHUNK, size)))
        return len(self.text) > before or not self.ended

    def _take(self, content: bytes) -> None:
        self.ended = not content
        try:
            self.text += self.decoder.decode(content, self.ended)
        except UnicodeDecodeError as bad:
            raise Broken("encoding", str(bad)) from None
