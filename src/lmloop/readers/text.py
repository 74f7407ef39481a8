"""Text and Markdown files, one document a file."""

from collections.abc import Iterator
from typing import ClassVar

from lmloop.core.reader import Reject, Source
from lmloop.core.record import Record
from lmloop.formats.base import TextFileReader, document, odd_encoding

ENDINGS = (
    ".txt",
    ".text",
    ".md",
    ".markdown",
    ".mdx",
    ".rst",
    ".adoc",
    ".asciidoc",
    ".org",
    ".tex",
    ".textile",
    ".wiki",
)


class Text(TextFileReader):
    """Read whole text files: one file, one document. A compressed one (.gz, .zst, .bz2, .xz) is unpacked.

    ``endings`` are the endings to look for in a folder. A file larger than ``max_mb`` megabytes is rejected, and so is
    one whose encoding is not clear.
    """

    formats: ClassVar[tuple[str, ...]] = ENDINGS

    endings: list[str] = list(ENDINGS)

    def looked_for(self) -> list[str]:
        """List the endings of the files to look for in a folder."""
        return self.packed(self.endings)

    def items(self, source: Source) -> Iterator[Record | Reject]:
        """Give the file's text as one record."""
        found = self.decoded(self.whole(source))
        yield document(found.text, source, odd_encoding(found))
