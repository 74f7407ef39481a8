"""The code of the Python installation that lmloop runs on: a second kind of text that every user already has."""

from collections.abc import Iterator
from pathlib import Path

from lmloop.core.reader import Reader, Reject, Source
from lmloop.core.record import Record
from lmloop.formats.docstrings import without_docstrings
from lmloop.formats.installation import TESTS, python_files


class PythonCode(Reader):
    """Read the code inside a Python installation, without its docstrings and comments: no download, megabytes.

    One file is one document, laid out anew from its syntax, so that nothing of what ``python-docs`` gives is in it.
    Nothing is imported. ``packages`` limits installed packages to those named (the standard library stays). Tests are
    left out.
    """

    packages: list[str] | None = None

    def sources(self, base: Path) -> Iterator[Source]:
        """List the installation's Python files, ordered by name."""
        for name, path in sorted(python_files("*.py", self.packages)):
            if not TESTS.intersection(name.split("/")) and path.is_file():
                yield Source(path, name, path.stat().st_size)

    def read(self, source: Source) -> Iterator[Record | Reject]:
        """Give the code of one file."""
        try:
            code = without_docstrings(source.path.read_bytes())
        except ValueError as bad:
            yield Reject(source.name, "not Python", str(bad))
            return
        if code:
            yield Record(text=code + "\n", meta={"source": source.name, "kind": "code"})
