"""Web archives: the pages in WARC files, and the texts in WET files."""

import io
from collections.abc import Iterator
from typing import Any, ClassVar

from lmloop.core.extras import need
from lmloop.core.reader import Reject, Source
from lmloop.core.record import Record
from lmloop.formats.base import FileReader, document
from lmloop.formats.encoding import decode
from lmloop.formats.html import EXTRA, read_page
from lmloop.formats.opening import Broken, open_plain

PAGES = ("text/html", "application/xhtml+xml")


class Warc(FileReader):
    """Read web archives: each response that is a page, or a text, is a document; its address and date go to the meta.

    With ``main`` only the main text of a page is taken. Responses of other kinds, those that are no success, and pages
    without text are rejected. Requests, metadata and other records that hold no document are passed over.
    """

    formats: ClassVar[tuple[str, ...]] = (".warc", ".wet", ".arc")

    main: bool = True

    def items(self, source: Source) -> Iterator[Record | Reject]:
        """Give the documents of an archive."""
        warc = need("fastwarc.warc", EXTRA)
        kinds = warc.WarcRecordType.response | warc.WarcRecordType.conversion | warc.WarcRecordType.resource
        with open_plain(source, self.max_ratio) as stream:
            checked = _Checked(stream)
            records = warc.ArchiveIterator(checked, record_types=kinds, parse_http=True, auto_decode="all")
            number = 0
            while True:
                number += 1
                place = f"#{number}"
                try:
                    record = next(records, None)
                    if record is None:
                        break
                    item = self._document(record, source, place)
                except Broken as bad:
                    item = Reject(f"{source.name}{place}", bad.reason, bad.detail)
                except (OSError, ValueError, EOFError, RuntimeError) as bad:
                    checked.check()
                    yield Reject(f"{source.name}{place}", "broken file", str(bad)[:200])
                    return
                checked.check()
                yield item
            checked.check()
            if number == 1 and not checked.size:
                yield Reject(source.name, "no text", "an empty archive")
            elif number == 1:
                yield Reject(source.name, "no text", "no page and no text in it")

    def _document(self, record: Any, source: Source, place: str) -> Record | Reject:
        url = record.headers.get("WARC-Target-URI") or ""
        where = f"{source.name}{place}"
        if record.content_length > self.most:
            return Reject(where, "too large", f"{record.content_length} bytes: {url}")
        status = record.http_headers.status_code if record.http_headers is not None else None
        if status is not None and not 200 <= status < 300:
            return Reject(where, "no success", f"status {status}: {url}")
        kind = (record.http_content_type or record.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        content = record.reader.read(self.most + 1)
        if len(content) > self.most:
            return Reject(where, "too large", f"over {self.most} bytes unpacked: {url}")
        if len(content) < record.content_length and not _is_coded(record):
            return Reject(where, "truncated", f"{len(content)} of {record.content_length} bytes: {url}")
        about: dict[str, object] = {"url": url, "date": record.headers.get("WARC-Date") or ""}
        if kind in PAGES:
            page = read_page(content, record.http_charset or "", self.main)
            text, about = page.text, {**page.meta(), **about}
        elif kind.startswith("text/"):
            text = decode(content, "auto", 0.001, record.http_charset or "").text
        else:
            return Reject(where, "no page", f"{kind or 'no type'}: {url}")
        return document(text, source, about, place) if text.strip() else Reject(where, "no text", url)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give an archive with a page, and one with a text."""
        page = b"<html><title>T</title><body><p>A page of text.</p></body></html>"
        http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page
        text = "语言模型从文本中学习。".encode()
        return {
            "a.warc": _example("response", "application/http; msgtype=response", http),
            "a.warc.wet": _example("conversion", "text/plain", text),
        }


class _Checked(io.RawIOBase):
    """A stream that remembers what went wrong in it: the library would take it for the end."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.size = stream, 0
        self.bad: Exception | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            content: bytes = self.stream.read(size)
        except (Broken, OSError) as bad:
            self.bad = bad
            return b""
        self.size += len(content)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Say where we are, which is all that the library wants to know."""
        if (whence, offset) not in ((io.SEEK_CUR, 0), (io.SEEK_SET, self.size)):
            raise io.UnsupportedOperation("seek")
        return self.size

    def tell(self) -> int:
        return self.size

    def seekable(self) -> bool:
        return True

    def check(self) -> None:
        """Raise what went wrong."""
        if self.bad is not None:
            raise self.bad


def _is_coded(record: Any) -> bool:
    http = record.http_headers
    return http is not None and any(http.get(name) for name in ("Content-Encoding", "Transfer-Encoding"))


def _example(kind: str, content_type: str, content: bytes) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\n"
        f"WARC-Date: 2024-01-02T03:04:05Z\r\nWARC-Target-URI: https://example.com/a\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"
