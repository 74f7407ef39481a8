"""JSON Lines: one object a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lmloop.core.files import expand
from lmloop.core.reader import Reader, Reject, Source
from lmloop.core.record import Record, Turn


class Jsonl(Reader):
    """Read JSON Lines: each line is an object with a text, or a record as lmloop writes them.

    ``files`` are names, folders or patterns, relative to the recipe. ``text`` names the field that holds the
    text; the fields named in ``meta`` are kept beside it. A line that is no JSON object, lacks the field or is
    longer than ``max_mb`` megabytes is rejected, and the next one is read.
    """

    files: list[str]
    text: str = "text"
    meta: list[str] = []
    max_mb: float = 64.0

    def sources(self, base: Path) -> Iterator[Source]:
        """List the files that the names and patterns stand for."""
        return expand(self.files, base, [".jsonl", ".ndjson"])

    def read(self, source: Source) -> Iterator[Record | Reject]:
        """Give a record, or the reason why there is none, for each line that is not blank."""
        most = int(self.max_mb * 1e6)
        with source.path.open("rb") as lines:
            number = 0
            while line := lines.readline(most + 1):
                number += 1
                place = f"{source.name}:{number}"
                if len(line) > most:
                    while line and not line.endswith(b"\n"):
                        line = lines.readline(1 << 20)
                    yield Reject(place, "line too long", f"over {most} bytes")
                elif line.strip():
                    yield self._parse(line, place)

    def _parse(self, line: bytes, place: str) -> Record | Reject:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as bad:
            return Reject(place, "not JSON", str(bad)[:200])
        if not isinstance(row, dict):
            return Reject(place, "not an object", type(row).__name__)
        if not isinstance(row.get(self.text), str):
            return Reject(place, "no text", f"no field {self.text!r} that holds text")
        kept = {name: row[name] for name in self.meta if name in row}
        try:
            return _record(row, row[self.text], {**kept, "source": place})
        except (KeyError, TypeError, ValueError) as bad:
            return Reject(place, "not a record", f"{type(bad).__name__}: {bad}")


def _record(row: dict[str, Any], text: str, meta: dict[str, Any]) -> Record:
    turns = tuple(Turn(str(turn["role"]), str(turn["text"])) for turn in row.get("prompt") or ())
    choices = tuple(str(choice) for choice in row.get("choices") or ())
    return Record(text=text, prompt=turns, choices=choices, answer=row.get("answer"), meta=meta)
