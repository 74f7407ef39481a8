"""Files inside a zip file (EPUB, DOCX, ODT), read without trusting what it says of their size."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree as ET

from lmloop.formats.opening import Broken


class Archive:
    """A zip file in memory, from which at most ``most`` bytes are unpacked in all.

    Raises:
        Broken: it is no zip file.
    """

    def __init__(self, content: bytes, most: int) -> None:
        self.left = self.most = most
        with _judging():
            self.zip = zipfile.ZipFile(io.BytesIO(content))

    def read(self, name: str) -> bytes:
        """Unpack one file; raises :class:`Broken` where it is missing, damaged, locked or too large."""
        with _judging(name), self.zip.open(name) as file:
            content = file.read(self.left + 1)
        self.left -= len(content)
        if self.left < 0:
            raise Broken("too large", f"unpacks to over {self.most} bytes")
        return content

    def xml(self, name: str) -> ET.Element:
        """Unpack and parse an XML file."""
        try:
            return ET.fromstring(self.read(name))
        except (ET.ParseError, ValueError, LookupError, RecursionError) as bad:
            raise Broken("broken file", f"{name}: {bad}") from None

    def names(self) -> list[str]:
        """List the files inside."""
        return self.zip.namelist()


@contextmanager
def _judging(name: str = "") -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, KeyError) as bad:
        raise Broken("broken file", f"{name}: {bad}".removeprefix(": ")) from None
    except RuntimeError as bad:  # what zipfile raises for a password
        raise Broken("locked", f"{name}: {bad}") from None
