"""The values of a JSON or JSON Lines file, each with its place; what is broken among them as rejects."""

import json
from collections.abc import Iterator
from typing import Any

import orjson

from lmloop.core.reader import Reject, Source
from lmloop.formats.encoding import decode, detect
from lmloop.formats.fields import TableReader, excerpt
from lmloop.formats.json_stream import json_values
from lmloop.formats.lines import CHUNK, line_blocks
from lmloop.formats.opening import Broken, is_packed, open_plain, unpacked_name

LINES = (".jsonl", ".ndjson", ".jsonlines")
FORMATS = (*LINES, ".json")


class JsonFile:
    """How the values of one file are read; ``by_line`` says whether each line is one."""

    def __init__(self, reader: TableReader, source: Source) -> None:
        self.reader, self.source = reader, source
        self.encoding = _encoding(reader, source)
        self.by_line = not unpacked_name(source.name).lower().endswith(".json") and not _is_wide(self.encoding)

    def place(self, number: int) -> str:
        """Name the place of a value."""
        return f"{self.source.name}:{number}"

    def object(self, line: bytes | None, number: int) -> dict[str, Any] | Reject | None:
        """Read a line (None: it was too long), which is an object or rejected; an empty one gives None."""
        if line is None:
            return Reject(self.place(number), "line too long", f"over {self.reader.most} bytes")
        if not line or line.isspace():
            return None
        encoding = self.encoding
        if self.reader.encoding == "auto" and encoding.startswith("utf-8"):
            encoding = "auto"
        return self.checked(_parse(line, encoding, self.reader.max_replaced), number)

    def checked(self, value: Any, number: int) -> dict[str, Any] | Reject:
        """Give a value that is an object; any other is rejected."""
        if isinstance(value, Reject):
            return Reject(self.place(number), value.reason, value.detail, value.excerpt)
        if isinstance(value, dict):
            return value
        return Reject(self.place(number), "not an object", type(value).__name__, excerpt(repr(value)))


def json_rows(reader: TableReader, source: Source) -> Iterator[tuple[dict[str, Any] | Reject, int, int]]:
    """Give each object of a file, or a :class:`Reject`, with its number from 1 (that of its line) and its size.

    Raises:
        Broken: the file cannot be read on.
    """
    with open_plain(source, reader.max_ratio) as stream:
        file = JsonFile(reader, source)
        if not file.by_line:
            for value, number, size in json_values(stream, reader.most, file.encoding):
                yield file.checked(value, number), number, size
            return
        for block in line_blocks(stream, reader.most, source.piece):
            for number, line in block.lines(reader.most):
                if (found := file.object(line, number)) is not None:
                    yield found, number, len(line or b"")


def can_be_cut(reader: TableReader, source: Source) -> bool:
    """Say whether a file has lines that end with the byte of a line feed."""
    if not source.name.lower().endswith(LINES) or source.url or source.refused:
        return False
    if reader.encoding != "auto":
        return not _is_wide(reader.encoding)
    try:
        return not _is_wide(_told(source)) and _told(source).startswith("utf-8")
    except OSError:
        return False


def _encoding(reader: TableReader, source: Source) -> str:
    if reader.encoding != "auto" or unpacked_name(source.name).lower().endswith(".json"):
        return reader.encoding
    return _told(source) if source.piece is None and not is_packed(source) and not source.url else "utf-8"


def _is_wide(encoding: str) -> bool:
    return encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))


def _told(source: Source) -> str:
    """Tell the encoding by the head of the file; lines in another one are told one by one."""
    with source.path.open("rb") as file:
        head = file.read(CHUNK)
    try:
        return detect(head[: head.rfind(b"\n") + 1] or head)
    except Broken:
        return "utf-8"


def _parse(line: bytes, encoding: str, max_replaced: float) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return _parse_slowly(line, encoding, max_replaced)


def _parse_slowly(line: bytes, encoding: str, max_replaced: float) -> Any:
    """Parse a line that is not JSON in UTF-8 at first sight: in another encoding, with NaN, nested deep, or broken."""
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = decode(line, encoding, max_replaced).text
        except Broken as bad:
            return Reject("", bad.reason, bad.detail, excerpt(line))
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        return Reject("", "nested too deep", "JSON within JSON", excerpt(line))
    except ValueError as bad:
        return Reject("", "not JSON", str(bad)[:200], excerpt(line))
