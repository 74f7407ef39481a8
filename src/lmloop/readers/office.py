"""Documents of word processors: DOCX and ODT."""

import io
import zipfile
from collections.abc import Iterator
from typing import ClassVar
from xml.etree import ElementTree as ET

from lmloop.core.reader import Reject, Source
from lmloop.core.record import Record
from lmloop.formats.archive import Archive
from lmloop.formats.base import FileReader, document
from lmloop.formats.opening import Broken

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
ODF = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
TITLE = "{http://purl.org/dc/elements/1.1/}title"
BREAKS = {f"{WORD}tab": "\t", f"{WORD}br": "\n", f"{WORD}cr": "\n", f"{ODF}tab": "\t", f"{ODF}line-break": "\n"}


class Office(FileReader):
    """Read DOCX and ODT documents: their paragraphs, one a line, those of tables and lists among them."""

    formats: ClassVar[tuple[str, ...]] = (".docx", ".odt")

    def items(self, source: Source) -> Iterator[Record | Reject]:
        """Give the text of one document."""
        archive = Archive(self.whole(source), self.most)
        if "word/document.xml" in archive.names():
            paragraphs = [_word(tag) for tag in archive.xml("word/document.xml").iter(f"{WORD}p")]
            head = "docProps/core.xml"
        else:
            body = archive.xml("content.xml")
            paragraphs = [_said(tag) for tag in body.iter() if tag.tag in (f"{ODF}p", f"{ODF}h")]
            head = "meta.xml"
        text = "\n".join(paragraphs).strip()
        if text:
            yield document(text, source, {"title": _title(archive, head)})
        else:
            yield Reject(source.name, "no text", f"{len(paragraphs)} paragraphs, none with text")

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a small document."""
        word = WORD[1:-1]
        made = io.BytesIO()
        text = f'<w:document xmlns:w="{word}"><w:body><w:p><w:r><w:t>第一段。</w:t></w:r></w:p></w:body></w:document>'
        with zipfile.ZipFile(made, "w") as file:
            file.writestr(zipfile.ZipInfo("word/document.xml"), text)
        return {"d.docx": made.getvalue()}


def _word(paragraph: ET.Element) -> str:
    return "".join((tag.text or "") if tag.tag == f"{WORD}t" else BREAKS.get(tag.tag, "") for tag in paragraph.iter())


def _said(paragraph: ET.Element) -> str:
    parts = [paragraph.text or ""]
    for tag in paragraph:
        parts += [BREAKS.get(tag.tag, " " if tag.tag == f"{ODF}s" else ""), _said(tag), tag.tail or ""]
    return "".join(parts)


def _title(archive: Archive, name: str) -> str:
    try:
        return next((tag.text or "" for tag in archive.xml(name).iter(TITLE)), "")
    except Broken:
        return ""
