"""A trained tokenizer: text to ids and back, in bulk.

What is stored is one file, Hugging Face's ``tokenizer.json``; beside it lie a ``tokenizer_config.json`` and the chat
template, so that ``transformers.AutoTokenizer`` opens the same folder.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from lmloop.core.errors import DataError
from lmloop.core.extras import need

FILE, CONFIG, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"

Ids: TypeAlias = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer that was read from a folder.

    Texts are read as plain text: that somebody writes ``<|eos|>`` does not end a document. Only
    :meth:`encode` with ``specials`` reads such names as the tokens that they name.

    Raises:
        DataError: there is no tokenizer in the folder, or it cannot be read.
    """

    core: Any = field(repr=False)
    """The ``tokenizers.Tokenizer``, which is the reference for all that encodes faster."""
    config: Mapping[str, Any]
    digest: str
    """Names the tokenizer: the BLAKE2b digest of its file, 32 hexadecimal digits."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the tokenizer in a folder."""
        tokenizers = need("tokenizers", "train")
        try:
            content = (folder / FILE).read_bytes()
            core = tokenizers.Tokenizer.from_buffer(content)
            config = json.loads((folder / CONFIG).read_bytes()) if (folder / CONFIG).exists() else {}
        except Exception as bad:  # the library raises plain exceptions
            raise DataError(f"{folder / FILE} cannot be read as a tokenizer: {bad}") from None
        return cls(core, config, hashlib.blake2b(content, digest_size=16).hexdigest())

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

    def encode_batch(self, texts: Sequence[str]) -> list[Ids]:
        """Give the ids of each text: uint32 [tokens] each. No special token is added or read."""
        self.core.encode_special_tokens = True
        found = self.core.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(encoding.ids, np.uint32) for encoding in found]

    def encode(self, text: str, specials: bool = False) -> Ids:
        """Give the ids of a text: uint32 [tokens]; with ``specials``, names of special tokens are read as such."""
        self.core.encode_special_tokens = not specials
        return np.array(self.core.encode(text, add_special_tokens=False).ids, np.uint32)

    def decode(self, ids: "Sequence[int] | Ids") -> str:
        """Give the text of some ids; what is no whole character becomes U+FFFD."""
        text: str = self.core.decode([int(item) for item in ids], skip_special_tokens=False)
        return text

    def _special(self, role: str) -> int | None:
        name = self.config.get(role)
        name = name.get("content") if isinstance(name, Mapping) else name
        found: int | None = self.core.token_to_id(name) if name else None
        return found
