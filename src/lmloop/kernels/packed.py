"""Packed tokens: documents one behind the other in flat files, and where each ends.

An artifact of tokens holds ``index.json``, the tokenizer, and for each file of tokens ``NAME.bin`` (uint16 where the
vocabulary fits, else uint32), ``NAME.ends.npy`` (uint64: where each document ends, in tokens) and ``NAME.bytes.npy``
(uint32: how many bytes of text each document is). Nothing is padded and nothing is cut.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lmloop.core.draft import draft
from lmloop.core.errors import DataError

INDEX, TOKENIZER, DATA = "index.json", "tokenizer", "data"


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of tokens: its name, the source its documents are of, whether they are held out, and how much it is."""

    name: str
    source: str
    held: bool
    documents: int
    tokens: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Index:
    """What ``index.json`` says: all that a training must know to read the tokens as they were meant.

    ``before`` and ``behind`` are the tokens that stand around each document, where the tokenizer has such.
    """

    vocabulary: int
    dtype: str
    tokenizer: str
    before: int | None
    behind: int | None
    pieces: tuple[Piece, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources, in order of their names."""
        return tuple(sorted({piece.source for piece in self.pieces}))

    def write(self, folder: Path) -> None:
        """Write it."""
        with draft(folder / INDEX) as place:
            place.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Index":
        """Read it.

        Raises:
            DataError: the folder holds no tokens, or the index is damaged.
        """
        try:
            said: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            return cls(**{**said, "pieces": tuple(Piece(**piece) for piece in said["pieces"])})
        except (OSError, ValueError, TypeError, KeyError) as bad:
            raise DataError(f"{folder} holds no packed tokens: {bad}") from None


def smallest_dtype(vocabulary: int) -> str:
    """Name the smallest type that holds all ids."""
    return "uint16" if vocabulary <= 1 << 16 else "uint32"


@dataclass
class PieceWriter:
    """Gathers documents and writes them as one file of tokens."""

    dtype: str
    parts: list[npt.NDArray[Any]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def add(self, ids: Sequence[npt.NDArray[Any]], text_bytes: int) -> None:
        """Add a document: what stands before it, its own tokens, what stands behind."""
        self.parts.extend(part.astype(self.dtype, copy=False) for part in ids)
        self.lengths.append(sum(len(part) for part in ids))
        self.sizes.append(text_bytes)

    def write(self, folder: Path, name: str) -> list[Path]:
        """Write the three files of a piece; give their places."""
        tokens = np.concatenate(self.parts) if self.parts else np.empty(0, self.dtype)
        places = [folder / f"{name}{ending}" for ending in (".bin", ".ends.npy", ".bytes.npy")]
        contents = (None, np.cumsum(self.lengths, dtype=np.uint64), np.array(self.sizes, np.uint32))
        for place, content in zip(places, contents, strict=True):
            with draft(place) as path, path.open("wb") as file:
                if content is None:
                    tokens.tofile(file)
                else:
                    np.save(file, content)
        return places


@dataclass(frozen=True)
class Stream:
    """All documents of one source, one behind the other, read from memory-mapped files."""

    folder: Path
    dtype: str
    pieces: tuple[Piece, ...]

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Where each piece begins in the stream, and where the last ends."""
        return np.cumsum([0, *(piece.tokens for piece in self.pieces)], dtype=np.int64)

    @property
    def tokens(self) -> int:
        """How many tokens there are."""
        return int(self.offsets[-1])

    def read(self, start: int, stop: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Read a stretch: its tokens, and at which of its places (but the first) a document begins."""
        tokens, begins = [], []
        first = int(np.searchsorted(self.offsets, start, "right")) - 1
        for number in range(first, len(self.pieces)):
            offset = int(self.offsets[number])
            if offset >= stop:
                break
            low, high = max(start - offset, 0), min(stop - offset, self.pieces[number].tokens)
            tokens.append(self._tokens[number][low:high].astype(np.int64))
            ends = self._ends[number]
            cut = slice(int(np.searchsorted(ends, low, "right")), int(np.searchsorted(ends, high, "left")))
            begins.append(np.asarray(ends[cut], np.int64) + (offset - start))
            if offset > start:
                begins.append(np.array([offset - start]))
        return np.concatenate(tokens), np.sort(np.concatenate(begins))

    @cached_property
    def _tokens(self) -> list[Any]:
        return [_mapped(self.folder / DATA / f"{piece.name}.bin", self.dtype, piece.tokens) for piece in self.pieces]

    @cached_property
    def _ends(self) -> list[Any]:
        return [np.load(self.folder / DATA / f"{piece.name}.ends.npy", mmap_mode="r") for piece in self.pieces]

    def documents(self) -> "list[tuple[int, int, int]]":
        """List all documents: where each begins and ends in the stream, and its bytes of text."""
        found: list[tuple[int, int, int]] = []
        for number, piece in enumerate(self.pieces):
            ends = np.asarray(self._ends[number], np.int64) + int(self.offsets[number])
            starts = np.concatenate(([int(self.offsets[number])], ends[:-1]))
            sizes = np.load(self.folder / DATA / f"{piece.name}.bytes.npy")
            found += zip(starts.tolist(), ends.tolist(), sizes.tolist(), strict=True)
        return found


def _mapped(path: Path, dtype: str, tokens: int) -> Any:
    try:
        found = np.memmap(path, dtype, "r")
    except (OSError, ValueError) as bad:
        raise DataError(
            f"the tokens {path} cannot be read: {bad}", hint="remove their folder; it is made again"
        ) from None
    if len(found) != tokens:
        raise DataError(f"{path} holds {len(found)} tokens, not {tokens}", hint="remove its folder; it is made again")
    return found


def streams(folder: Path, index: Index, held: bool = False) -> Mapping[str, Stream]:
    """Open each source's documents, to train on or held out; sources that have none are left out."""
    found = {}
    for source in index.sources:
        pieces = tuple(
            piece for piece in index.pieces if piece.source == source and piece.held == held and piece.tokens
        )
        if pieces:
            found[source] = Stream(folder, index.dtype, pieces)
    return found
