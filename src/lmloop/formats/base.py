"""What every reader of files shares: where they are, what is too much, and how a broken one is told."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field, PositiveFloat

from lmloop.core.files import expand
from lmloop.core.reader import Reader, Reject, Source
from lmloop.core.record import Record
from lmloop.formats.encoding import Decoded, decode
from lmloop.formats.opening import PACKED, Broken, read_whole


class FileReader(Reader):
    """A reader of files of some endings. It gives items in :meth:`items`, and may stop there with :class:`Broken`."""

    formats: ClassVar[tuple[str, ...]]
    """How the names of its files end, in small letters; each may be followed by that of a compression."""

    files: list[str] = Field(
        description="names, folders, patterns (notes/**/*.md) or URLs (s3://bucket/*.gz), relative to the recipe; "
        "a folder means all of its files of this format"
    )
    max_mb: PositiveFloat = Field(64.0, description="the largest record in megabytes; a larger one is rejected")
    max_ratio: PositiveFloat = Field(
        300.0, description="how many times its size a compressed file may unpack to before it is taken for a bomb"
    )

    @property
    def most(self) -> int:
        """The largest record, in bytes."""
        return int(self.max_mb * 1e6)

    def looked_for(self) -> list[str]:
        """List the endings of the files to look for in a folder."""
        return self.packed(self.formats)

    @staticmethod
    def packed(endings: Iterable[str]) -> list[str]:
        """Give endings, in small letters, with and without that of each compression."""
        return [ending.lower() + packed for ending in endings for packed in ("", *PACKED)]

    def sources(self, base: Path) -> Iterator[Source]:
        """List the files that the names, patterns and URLs stand for."""
        return expand(self.files, base, self.looked_for())

    def read(self, source: Source) -> Iterator[Record | Reject]:
        """Give the records of one file; what is broken is a reject."""
        try:
            yield from self.items(source)
        except Broken as bad:
            yield Reject(source.name, bad.reason, bad.detail)

    @abstractmethod
    def items(self, source: Source) -> Iterator[Record | Reject]:
        """Give the records of one file; raises :class:`Broken` where it cannot be read on."""

    def whole(self, source: Source) -> bytes:
        """Read a whole file, unpacked; raises :class:`Broken` when it is too large or cannot be unpacked."""
        return read_whole(source, self.most, self.max_ratio)


class TextFileReader(FileReader):
    """A reader of files that hold text in some encoding."""

    encoding: str = Field(
        "auto", description="the encoding of the files (utf-8, gb18030, ...); auto tells it for each file by itself"
    )
    max_replaced: float = Field(
        0.001,
        ge=0.0,
        le=1.0,
        description="the share of broken characters a text may have; they become U+FFFD and are counted in its meta",
    )

    def decoded(self, content: bytes, declared: str = "") -> Decoded:
        """Decode a text; raises :class:`Broken` where the encoding is not clear."""
        return decode(content, self.encoding, self.max_replaced, declared)


def document(text: str, source: Source, meta: Mapping[str, object], place: str = "") -> Record:
    """Make a record of a text with the place it is from; empty values of ``meta`` are left out."""
    where = f"{source.name}{place}"
    kept = {name: value for name, value in meta.items() if value not in (None, "", 0)}
    return Record(text=text, meta={"source": where, **kept}, id=where)


def odd_encoding(found: Decoded) -> dict[str, object]:
    """Say in the meta of a record that its text was not in UTF-8, or was broken."""
    plain = found.encoding in ("utf-8", "utf-8-sig")
    return {"encoding": "" if plain else found.encoding, "replaced": found.replaced}
