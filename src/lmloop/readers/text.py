"""Text files, one document a file."""

from collections.abc import Iterator
from pathlib import Path

from lmloop.core.files import expand
from lmloop.core.reader import Reader, Reject, Source
from lmloop.core.record import Record


class Text(Reader):
    """Read whole text files: one file, one document.

    ``files`` are names, folders or patterns (``notes/**/*.md``), relative to the recipe; a folder means all
    of its files with one of the ``endings``. A file larger than ``max_mb`` megabytes, or that is not valid in
    ``encoding``, is rejected.
    """

    files: list[str]
    endings: list[str] = [".txt", ".md", ".rst"]
    encoding: str = "utf-8"
    max_mb: float = 64.0

    def sources(self, base: Path) -> Iterator[Source]:
        """List the files that the names and patterns stand for."""
        return expand(self.files, base, self.endings)

    def read(self, source: Source) -> Iterator[Record | Reject]:
        """Give the file's text as one record."""
        if source.size > self.max_mb * 1e6:
            yield Reject(source.name, "too large", f"{source.size} bytes")
            return
        try:
            text = source.path.read_bytes().decode(self.encoding)
        except UnicodeDecodeError as bad:
            yield Reject(source.name, "encoding", str(bad))
            return
        yield Record(text=text, meta={"source": source.name})
