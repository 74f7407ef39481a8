"""Web pages: their main text, without menus and footers."""

from collections.abc import Iterator
from typing import ClassVar

from lmloop.core.reader import Reject, Source
from lmloop.core.record import Record
from lmloop.formats.base import FileReader, document
from lmloop.formats.html import read_page


class Html(FileReader):
    """Read HTML files: the main text of each is a document, with title, address and date in its meta.

    With ``main`` what stands around the main text is left out: menus, footers, forms. The encoding is the one that the
    page names, if it fits. A page without text is rejected.
    """

    formats: ClassVar[tuple[str, ...]] = (".html", ".htm", ".xhtml", ".shtml")

    main: bool = True

    def items(self, source: Source) -> Iterator[Record | Reject]:
        """Give the page's text."""
        page = read_page(self.whole(source), main=self.main)
        if page.text:
            yield document(page.text, source, {"url": page.url, **page.meta()})
        else:
            yield Reject(source.name, "no text", "a page without text")

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a page in English and one in Chinese."""
        page = "<html><head><title>{0}</title></head><body><nav>Home</nav><main><p>{0}</p></main></body></html>"
        chinese = page.format("数据的质量决定模型的质量。").replace("<head>", "<head><meta charset=gb2312>")
        return {"e.html": page.format("A page of text.").encode(), "z.htm": chinese.encode("gb18030")}
