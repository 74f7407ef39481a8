"""The values of a JSON or JSON Lines file, each with its place; what is broken among them as rejects."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from lmloop.core.reader import Reject, Source
from lmloop.formats.encoding import decode, detect
from lmloop.formats.fields import TableReader, excerpt
from lmloop.formats.json_stream import json_values
from lmloop.formats.lines import CHUNK, line_blocks
from lmloop.formats.opening import Broken, is_packed, open_plain, unpacked_name

LINES = (".jsonl", ".ndjson", ".jsonlines")
FORMATS = (*LINES, ".json")


def json_rows(reader: TableReader, source: Source) -> Iterator[tuple[Any, int, int]]:
    """Give each value of a file, or a :class:`Reject`, with its number from 1 (that of its line) and its size.

    Raises:
        Broken: the file cannot be read on.
    """
    with open_plain(source, reader.max_ratio) as stream:
        for value, number, size in _values(reader, source, stream):
            place = f"{source.name}:{number}"
            if isinstance(value, Reject):
                yield Reject(place, value.reason, value.detail, value.excerpt), number, size
            elif isinstance(value, dict):
                yield value, number, size
            else:
                yield Reject(place, "not an object", type(value).__name__, excerpt(repr(value))), number, size


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


def _values(reader: TableReader, source: Source, stream: BinaryIO) -> Iterator[tuple[Any, int, int]]:
    if unpacked_name(source.name).lower().endswith(".json"):
        yield from json_values(stream, reader.most, reader.encoding)
        return
    encoding = reader.encoding if reader.encoding != "auto" else "utf-8"
    if reader.encoding == "auto" and source.piece is None and not is_packed(source) and not source.url:
        encoding = _told(source)
    if _is_wide(encoding):
        yield from json_values(stream, reader.most, encoding)
        return
    by_line = "auto" if reader.encoding == "auto" and encoding.startswith("utf-8") else encoding
    for first, lines in line_blocks(stream, reader.most, source.piece):
        for number, line in enumerate(lines, first):
            if line is None:
                yield Reject("", "line too long", f"over {reader.most} bytes"), number, 0
            elif line and not line.isspace():
                yield _parse(line, by_line, reader.max_replaced), number, len(line)


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
