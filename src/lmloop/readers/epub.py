"""Books in EPUB: the text of their chapters."""

import posixpath
from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import unquote

from lmloop.core.reader import Reject, Source
from lmloop.core.record import Record
from lmloop.formats.archive import Archive
from lmloop.formats.base import FileReader, document
from lmloop.formats.html import read_page
from lmloop.formats.opening import Broken

CONTAINER = "META-INF/container.xml"


class Epub(FileReader):
    """Read EPUB books: one book, one document, its chapters joined by blank lines.

    Title, author and language go to the meta. With ``chapters`` each chapter is a document of its own. A chapter that
    cannot be read is rejected, and the others are read.
    """

    formats: ClassVar[tuple[str, ...]] = (".epub",)

    chapters: bool = False

    def items(self, source: Source) -> Iterator[Record | Reject]:
        """Give a book, or its chapters."""
        archive = Archive(self.whole(source), self.most)
        about, names = _contents(archive)
        texts: list[tuple[str, str]] = []
        for name in names:
            try:
                text = read_page(archive.read(name), main=False).text
            except Broken as bad:
                yield Reject(f"{source.name}#{name}", bad.reason, bad.detail)
                continue
            if text:
                texts.append((name, text))
        if not texts:
            yield Reject(source.name, "no text", f"{len(names)} chapters, none with text")
        elif self.chapters:
            for name, text in texts:
                yield document(text, source, about, f"#{name}")
        else:
            yield document("\n\n".join(text for _, text in texts), source, about)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a book of two chapters."""
        import io
        import zipfile

        rootfile = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        rootfile += '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
        book = (
            '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
            "<dc:title>书</dc:title><dc:language>zh</dc:language></metadata><manifest>"
            '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
        )
        page = "<html xmlns='http://www.w3.org/1999/xhtml'><body><h1>{0}</h1><p>{0}的内容。</p></body></html>"
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as file:
            for name, text in (
                (CONTAINER, rootfile),
                ("OEBPS/book.opf", book),
                ("OEBPS/a.xhtml", page.format("第一章")),
                ("OEBPS/b.xhtml", page.format("第二章")),
            ):
                file.writestr(zipfile.ZipInfo(name), text)
        return {"book.epub": made.getvalue()}


def _contents(archive: Archive) -> tuple[dict[str, object], list[str]]:
    """Read what a book says of itself, and the names of its chapters in reading order."""
    root = next((tag.get("full-path") for tag in archive.xml(CONTAINER).iter() if tag.tag.endswith("}rootfile")), None)
    if root is None:
        raise Broken("broken file", f"{CONTAINER} names no book")
    package = archive.xml(root)
    about: dict[str, object] = {}
    places: dict[str, str] = {}
    names: list[str] = []
    for tag in package.iter():
        kind = tag.tag.rpartition("}")[2]
        if kind in ("title", "creator", "language", "date") and tag.text:
            about.setdefault({"creator": "author"}.get(kind, kind), tag.text.strip())
        elif kind == "item" and "html" in tag.get("media-type", ""):
            places[tag.get("id", "")] = posixpath.normpath(
                posixpath.join(posixpath.dirname(root), unquote(tag.get("href", "")))
            )
        elif kind == "itemref" and tag.get("idref") in places:
            names.append(places[tag.get("idref", "")])
    return about, names
