"""CSV and TSV tables with a header line."""

import csv
import io
import itertools
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar, cast

from lmloop.core.batch import Batch
from lmloop.core.reader import Reject, Source
from lmloop.formats.encoding import detect
from lmloop.formats.fields import RowReader, Rows, excerpt
from lmloop.formats.opening import Broken, open_plain, unpacked_name

HEAD = 1 << 20


class Csv(RowReader):
    """Read tables of comma- or tab-separated values: one row, one record; the first row names the fields.

    ``separator`` is the letter between the values; without, it is a tab for ``.tsv`` and found out for others.
    ``names`` are the names of the fields where the file has none. A row with too many or too few values is rejected.
    """

    formats: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".tab")

    separator: str | None = None
    names: list[str] = []

    def batches(self, source: Source, made: Rows) -> "Iterator[Batch | Reject]":
        """Give the rows of a file."""
        with open_plain(source, self.max_ratio) as stream:
            for number, row in enumerate(self._rows(source, stream), 1):
                place = f"{source.name}:{number}"
                if isinstance(row, Reject):
                    yield from made.reject(Reject(place, row.reason, row.detail, row.excerpt))
                    continue
                size = sum(map(len, row.values()))
                if size > self.most:
                    yield from made.reject(Reject(place, "too large", f"{size} characters"))
                else:
                    yield from made.add(row, number, place, size)

    def _rows(self, source: Source, stream: BinaryIO) -> Iterator[dict[str, Any] | Reject]:
        head = stream.read(HEAD)
        encoding = self.encoding if self.encoding != "auto" else _told(head)
        errors = "replace" if self.max_replaced else "strict"
        text = io.TextIOWrapper(cast(Any, _Again(head, stream)), encoding, errors, newline="")
        csv.field_size_limit(max(self.most, 1 << 17))
        table = csv.reader(text, delimiter=self._separator(source, head, encoding))
        names = self.names
        while True:
            try:
                row = next(table)
            except StopIteration:
                return
            except csv.Error as bad:
                yield Reject("", "not CSV", str(bad))
                continue
            except UnicodeError as bad:
                raise Broken("encoding", str(bad)) from None
            if not names:
                names = [name.strip().removeprefix("\ufeff") for name in row]
            elif len(row) != len(names) and row:
                detail = f"{len(row)} values for {len(names)} fields"
                yield Reject("", "other columns", detail, excerpt(",".join(row)[:400]))
            elif row:
                yield dict(zip(names, row, strict=True))

    def _separator(self, source: Source, head: bytes, encoding: str) -> str:
        if self.separator is not None:
            return self.separator
        if unpacked_name(source.name).lower().endswith((".tsv", ".tab")):
            return "\t"
        first = head.decode(encoding, "replace").partition("\n")[0]
        return max(",;\t|", key=first.count)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a small file of each format."""
        table = 'text,url\n"One, and\nmore.",u\n二。,v\n'
        return {
            "t.csv": table.encode(),
            "u.tsv": b"text\turl\nOne.\tu\n",
            "g.csv": "text;类\n数据的质量;一\n".encode("gb18030"),
        }


class _Again(io.BufferedIOBase):
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self.parts = itertools.chain([head], iter(lambda: rest.read(1 << 18), b""))
        self.left = b""

    def readable(self) -> bool:
        return True

    def read1(self, size: int | None = -1) -> bytes:
        content = self.left or next(self.parts, b"")
        size = len(content) if size is None or size < 0 else size
        self.left = content[size:]
        return content[:size]

    read = read1


def _told(head: bytes) -> str:
    name = detect(head[: head.rfind(b"\n") + 1] or head)
    return "utf-8-sig" if name == "utf-8" else name
