"""Tokenizers of all makers under one face: Hugging Face's JSON, SentencePiece's models, tiktoken's files."""

import base64
import binascii
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.backends import Flat
from lmloop.kernels.tokenizing.byte_pairs import piece_bytes

CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|"
    r"\s+(?!\S)|\s"
)
O200K = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"


class AnyTokenizer(Protocol):
    """What is asked of a tokenizer to compare it."""

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        ...

    @property
    def tokens(self) -> list[bytes | None]:
        """The bytes of each id; None for special ones."""
        ...

    def encode_column(self, texts: "pa.Array") -> Flat:
        """Encode texts."""
        ...

    def decode(self, ids: Any) -> str:
        """Give the text of some ids."""
        ...


@dataclass(frozen=True)
class SentencePieceFile:
    """A SentencePiece model."""

    model: Any = field(repr=False)

    @cached_property
    def vocab_size(self) -> int:
        """How many ids there are."""
        size: int = self.model.get_piece_size()
        return size

    @cached_property
    def tokens(self) -> list[bytes | None]:
        """The bytes of each id; None for special ones."""
        model = self.model
        special = [model.is_control(n) or model.is_unknown(n) or model.is_unused(n) for n in range(self.vocab_size)]
        return [None if skip else piece_bytes(model.id_to_piece(n)) for n, skip in enumerate(special)]

    def encode_column(self, texts: "pa.Array") -> Flat:
        """Encode texts."""
        return _flat([self.model.encode_as_ids(text) for text in texts.to_pylist()])

    def decode(self, ids: Any) -> str:
        """Give the text of some ids."""
        text: str = self.model.decode([int(item) for item in ids])
        return text


@dataclass(frozen=True)
class TiktokenFile:
    """A file of ranks as tiktoken reads them."""

    encoding: Any = field(repr=False)
    ranks: dict[bytes, int] = field(repr=False)

    @cached_property
    def vocab_size(self) -> int:
        """How many ids there are."""
        return max(self.ranks.values()) + 1

    @cached_property
    def tokens(self) -> list[bytes | None]:
        """The bytes of each id."""
        found: list[bytes | None] = [None] * self.vocab_size
        for token, rank in self.ranks.items():
            found[rank] = token
        return found

    def encode_column(self, texts: "pa.Array") -> Flat:
        """Encode texts."""
        return _flat([self.encoding.encode_ordinary(text) for text in texts.to_pylist()])

    def decode(self, ids: Any) -> str:
        """Give the text of some ids."""
        text: str = self.encoding.decode([int(item) for item in ids])
        return text


def open_tokenizer(path: Path) -> AnyTokenizer:
    """Open a tokenizer: a folder with or a file of ``tokenizer.json``, ``*.model``, or ``*.tiktoken``.

    A file of tiktoken does not say how text is cut: that is known by its name (``o200k``, ``gpt2`` or ``r50k``; any
    other is taken for ``cl100k``).

    Raises:
        DataError: it is none of these, or cannot be read.
    """
    if path.suffix == ".model":
        return SentencePieceFile(_sentencepiece(path))
    if path.suffix == ".tiktoken":
        return _tiktoken(path)
    if path.is_dir() or path.suffix == ".json":
        return Tokenizer.load(path)
    raise DataError(
        f"{path} is no tokenizer that is known here",
        hint="give a folder or a file: tokenizer.json, *.model (SentencePiece) or *.tiktoken",
    )


def _sentencepiece(path: Path) -> Any:
    library = need("sentencepiece", "train")
    try:
        return library.SentencePieceProcessor(model_proto=path.read_bytes())
    except (OSError, RuntimeError) as bad:
        raise DataError(f"{path} cannot be read as a SentencePiece model: {bad}") from None


def _tiktoken(path: Path) -> TiktokenFile:
    library = need("tiktoken", "train")
    try:
        rows = [line.split() for line in path.read_bytes().splitlines() if line]
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in rows}
    except (OSError, ValueError, binascii.Error) as bad:
        raise DataError(f"{path} cannot be read as a file of tiktoken: {bad}") from None
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:  # the library panics at the first text with such a byte
        told = f"{len(missing)} of 256 bytes have no rank, the first is {missing[0]:#04x}"
        raise DataError(f"{path} is no whole file of tiktoken: {told}")
    known = {"o200k": O200K, "gpt2": GPT2, "r50k": GPT2}
    pattern = next((pattern for name, pattern in known.items() if name in path.name), CL100K)
    encoding = library.Encoding(path.stem, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return TiktokenFile(encoding, ranks)


def _flat(rows: list[list[int]]) -> Flat:
    counts = np.array([len(row) for row in rows], np.int64)
    ids = np.fromiter((item for row in rows for item in row), np.uint32, int(counts.sum()))
    return ids, counts
