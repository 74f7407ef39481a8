"""A trained tokenizer: text to ids and back, in bulk.

What is stored is one file, Hugging Face's ``tokenizer.json``; beside it lie a ``tokenizer_config.json`` and the chat
template, so that ``transformers.AutoTokenizer`` opens the same folder.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from shutil import copyfile
from typing import Any, Self

import numpy as np
import pyarrow as pa

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.kernels.text import Integers, TextBuffer, read_only
from lmloop.kernels.tokenizing.backends import Encode, Flat, choose, split
from lmloop.kernels.tokenizing.byte_pairs import byte_pairs, token_bytes
from lmloop.kernels.tokenizing.counting import Counted
from lmloop.kernels.tokenizing.errors import Unsupported
from lmloop.kernels.tokenizing.merging import Ids, merge_alone

FILE, CONFIG, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
FILES = (FILE, CONFIG, TEMPLATE)


def copy_tokenizer(source: Path, out: Path) -> None:
    """Put the tokenizer of one folder into another, with its chat template if there is one."""
    for name in FILES:
        if (source / name).is_file():
            copyfile(source / name, out / name)


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer that was read from a folder.

    Texts are read as plain text: that somebody writes ``<|eos|>`` does not end a document. Only
    :meth:`encode` with ``specials`` reads such names as the tokens that they name.
    """

    core: Any = field(repr=False)
    """The ``tokenizers.Tokenizer``, which is the reference for all that encodes faster."""
    config: Mapping[str, Any]
    digest: str
    """Names the tokenizer: the BLAKE2b digest of its file, 32 hexadecimal digits."""
    _chosen: dict[str, Encode] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the tokenizer in a folder (or the ``tokenizer.json`` itself).

        Raises:
            DataError: there is none, or it cannot be read.
        """
        tokenizers = need("tokenizers", "train")
        file = folder if folder.is_file() else folder / FILE
        config = file.with_name(CONFIG)
        try:
            content = file.read_bytes()
            core = tokenizers.Tokenizer.from_buffer(content)
            settings = json.loads(config.read_bytes()) if config.exists() else {}
        except Exception as bad:  # the library raises plain exceptions
            raise DataError(f"{file} cannot be read as a tokenizer: {bad}") from None
        return cls(core, settings, hashlib.blake2b(content, digest_size=16).hexdigest())

    @cached_property
    def vocab_size(self) -> int:
        """How many ids there are, special and spare ones included: the rows of the embedding."""
        return max(self.core.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @cached_property
    def bos_id(self) -> int | None:
        """The id that stands before a document."""
        return self._special("bos_token")

    @cached_property
    def eos_id(self) -> int | None:
        """The id that stands behind a document."""
        return self._special("eos_token")

    @cached_property
    def pad_id(self) -> int | None:
        """The id that fills up what is too short."""
        return self._special("pad_token")

    @property
    def backend(self) -> str:
        """What encodes in bulk: known once something was encoded."""
        return next(iter(self._chosen), "")

    def encode_batch(self, texts: Sequence[str]) -> list[Ids]:
        """Give the ids of each text: uint32 [tokens] each. No special token is added or read."""
        return split(self.encode_column(pa.array(texts, pa.large_string())))

    def encode_column(self, texts: "pa.Array | pa.ChunkedArray") -> Flat:
        """Encode an Arrow column: all ids, uint32 [tokens], and how many each text has, int64 [texts].

        The first call holds the faster back-ends against the reference on a sample of its texts (and some odd
        ones), and takes one that gave the same ids; see :mod:`lmloop.kernels.tokenizing.backends`.
        """
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.cast(pa.large_string()).combine_chunks()
        if texts.null_count:
            texts = texts.fill_null("")
        if not self._chosen:
            name, encode = choose(self.core, texts)
            self._chosen[name] = encode
        return self._chosen[self.backend](texts)

    def encode(self, text: str, specials: bool = False) -> Ids:
        """Give the ids of a text: uint32 [tokens]; with ``specials``, names of special tokens are read as such."""
        self.core.encode_special_tokens = not specials
        return np.array(self.core.encode(text, add_special_tokens=False).ids, np.uint32)

    def decode(self, ids: "Sequence[int] | Ids") -> str:
        """Give the text of some ids; what is no whole character becomes U+FFFD."""
        text: str = self.core.decode([int(item) for item in ids], skip_special_tokens=False)
        return text

    @cached_property
    def writes_bytes(self) -> bool:
        """Whether a text is nothing but the bytes of its tokens, one behind the other."""
        decoder = json.loads(self.core.to_str())["decoder"] or {}
        return bool(decoder.get("type") == "ByteLevel")

    @cached_property
    def tokens(self) -> list[bytes | None]:
        """The bytes of each id; None for special tokens and unused ids."""
        return token_bytes(self.core)

    def count_pieces(self, counted: Counted) -> Integers:
        """Say how often each id occurs where pieces occur so often: int64 [ids]."""
        buffer = TextBuffer(read_only(counted.data), counted.offsets)
        try:
            ids, counts = merge_alone(byte_pairs(self.core).table(), buffer)
        except Unsupported:
            data, offsets = counted.data.tobytes(), counted.offsets.tolist()
            pieces = [data[start:stop].decode() for start, stop in pairwise(offsets)]
            ids, counts = self.encode_column(pa.array(pieces, pa.large_string()))
        total = np.zeros(self.vocab_size, np.int64)
        np.add.at(total, ids, np.repeat(counted.counts, counts))
        return total

    def _special(self, role: str) -> int | None:
        name = self.config.get(role)
        name = name.get("content") if isinstance(name, Mapping) else name
        found: int | None = self.core.token_to_id(name) if name else None
        return found
