"""The documentation of the Python installation that lmloop runs on: text that every user already has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from lmloop.core.reader import Reader, Reject, Source
from lmloop.core.record import Record
from lmloop.formats.docstrings import read_docstrings
from lmloop.formats.installation import python_files

TEXT_ENDINGS = (".md", ".rst", ".txt")
TEXT_NAMES = re.compile(r"(licen[cs]e|copying|notice|readme|authors|changes|changelog|history|news)\b", re.IGNORECASE)

Kind = Literal["docstrings", "readme", "licence", "topics"]


class PythonDocs(Reader):
    """Read the documentation inside a Python installation: no download, tens of megabytes, real duplicates.

    It gives the docstrings of every module (read from its source, nothing is imported), read-me files and
    package descriptions, licence texts, and the language reference in ``pydoc_data``. ``kinds`` chooses among
    them; ``packages`` limits installed packages to those named (the standard library stays).
    """

    kinds: list[Kind] = ["docstrings", "readme", "licence", "topics"]
    packages: list[str] | None = None

    def sources(self, base: Path) -> Iterator[Source]:
        """List the installation's files that may hold documentation, ordered by name."""
        for name, path in sorted(python_files("*", self.packages)):
            if _kind(path) in self.kinds and path.is_file():
                yield Source(path, name, path.stat().st_size)

    def read(self, source: Source) -> Iterator[Record | Reject]:
        """Give the documents of one file."""
        kind = _kind(source.path)
        assert kind is not None, "only files of a known kind are listed"
        code = source.path.read_bytes()
        if kind == "topics":
            yield from _topics(source, code)
        elif kind == "docstrings":
            yield from _docstrings(source, code)
        else:
            try:
                text = code.decode("utf-8")
            except UnicodeDecodeError as bad:
                yield Reject(source.name, "encoding", str(bad))
                return
            yield Record(text=_description(text) if kind == "readme" else text, meta=_meta(source, kind))


def _kind(path: Path) -> Kind | None:
    if path.name == "topics.py" and path.parent.name == "pydoc_data":
        return "topics"
    if path.suffix == ".py":
        return "docstrings"
    match = TEXT_NAMES.match(path.name)
    if match and path.suffix.lower() in (*TEXT_ENDINGS, "", ".apache", ".bsd", ".apache2", ".mit"):
        return "licence" if match[1].lower().startswith(("licen", "copying", "notice")) else "readme"
    if path.name == "METADATA" or path.suffix.lower() in TEXT_ENDINGS[:2]:
        return "readme"
    return None


def _meta(source: Source, kind: Kind, **more: str) -> dict[str, str]:
    return {"source": source.name, "kind": kind, **more}


def _description(text: str) -> str:
    """Cut the header fields from a package description (core metadata: fields, a blank line, the text)."""
    return text.partition("\n\n")[2] if text.startswith("Metadata-Version:") else text


def _topics(source: Source, code: bytes) -> Iterator[Record | Reject]:
    """Give the chapters of the language reference that ``help()`` shows."""
    tree = ast.parse(code)
    tables = [node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)]
    for table in tables:
        for key, value in ast.literal_eval(table).items():
            yield Record(text=value, meta=_meta(source, "topics", part=key))


def _docstrings(source: Source, code: bytes) -> Iterator[Record | Reject]:
    """Give a module's docstrings as one document: each under the name of what it describes."""
    try:
        parts = [f"{found.name}\n{found.text}" if found.name else found.text for found in read_docstrings(code)]
    except ValueError as bad:
        yield Reject(source.name, "not Python", str(bad))
        return
    if parts:
        yield Record(text="\n\n".join(parts) + "\n", meta=_meta(source, "docstrings"))
