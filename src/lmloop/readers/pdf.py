"""PDF files: the text of their pages."""

from collections.abc import Iterator
from typing import Any, ClassVar

from lmloop.core.extras import need
from lmloop.core.reader import Reject, Source
from lmloop.core.record import Record
from lmloop.formats.base import FileReader, document

EXTRA = "ingest"


class Pdf(FileReader):
    """Read PDF files: one file, one document, its pages joined by blank lines.

    Title and number of pages go to the meta. With ``pages`` each page is a document of its own. A file that is locked,
    or holds pictures of text only, is rejected.
    """

    formats: ClassVar[tuple[str, ...]] = (".pdf",)

    pages: bool = False

    def items(self, source: Source) -> Iterator[Record | Reject]:
        """Give the text of one file, or of each of its pages."""
        pdfium = need("pypdfium2", EXTRA)
        try:
            file = pdfium.PdfDocument(self.whole(source))
        except pdfium.PdfiumError as bad:
            reason = "locked" if "assword" in str(bad) else "broken file"
            yield Reject(source.name, reason, str(bad))
            return
        try:
            texts: list[str] = []
            for number in range(len(file)):
                try:
                    texts.append(_text(file, number))
                except pdfium.PdfiumError as bad:
                    texts.append("")
                    yield Reject(f"{source.name}#{number + 1}", "broken page", str(bad))
            yield from self._documents(texts, source, _title(file))
        finally:
            file.close()

    def _documents(self, texts: list[str], source: Source, title: str) -> Iterator[Record | Reject]:
        if not any(texts):
            yield Reject(source.name, "no text", f"{len(texts)} pages, none with text: it may hold pictures of it")
        elif self.pages:
            for number, text in enumerate(texts, 1):
                if text:
                    yield document(text, source, {"title": title}, f"#{number}")
        else:
            yield document("\n\n".join(filter(None, texts)), source, {"title": title, "pages": len(texts)})

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a small file."""
        stream = b"BT /F1 12 Tf 72 720 Td (A page of text.) Tj ET"
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
            b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
        body = b"".join(b"%d 0 obj\n%s\nendobj\n" % pair for pair in enumerate(objects, 1))
        return {"p.pdf": b"%PDF-1.4\n" + body + b"trailer << /Root 1 0 R /Size 5 >>\n%%EOF\n"}


def _text(file: Any, number: int) -> str:
    page = file[number]
    try:
        words = page.get_textpage()
        try:
            text: str = words.get_text_range()
        finally:
            words.close()
    finally:
        page.close()
    # at the end of a line PDFium writes a hyphen that only divides a word as U+FFFE (older: U+0002)
    text = text.replace("\r\n", "\n").replace("\ufffe\n", "").replace("\ufffe", "").replace("\x02", "")
    return text.encode("utf-8", "replace").decode().strip()


def _title(file: Any) -> str:
    return str(file.get_metadata_dict().get("Title") or "").encode("utf-8", "replace").decode()
