"""A model of our own: weights that a recipe made, or any folder in Hugging Face's form of Llama, Qwen2 or Qwen3."""

import hashlib
import json
from collections.abc import Generator, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.core.model import Done, Prompt, Reply, Sampling, Token, Writing
from lmloop.core.outside import resolve
from lmloop.core.part import Part
from lmloop.core.weights import weights_digest

if TYPE_CHECKING:
    from lmloop.nn.inference.local import Local

_KEPT: "list[TemporaryDirectory[str]]" = []


class Lmloop(Part):
    """Run a model in this process, on the GPU if there is one.

    ``folder`` holds ``config.json``, safetensors and the tokenizer. A conversation is put into its chat template;
    without one, the texts of a prompt's turns stand one behind the other, as a base model reads them. A prompt that is
    longer than the model's context loses its beginning. What prompts share is read once. ``rows`` replies are written
    side by side (0: what suits the device). An adapter that weighs its experts by task (``moelora``) is asked for one
    ``task``, by its name in the tuning; without it, for the mean of all.
    """

    version: ClassVar[int] = 2

    folder: str = "."
    rows: int = Field(default=0, ge=0)
    task: str = ""

    @classmethod
    def example(cls) -> "Lmloop":
        """Give a tiny one with fresh weights, in a folder that is removed when the process ends."""
        from lmloop.nn.inference.tiny import write_tiny

        _KEPT.append(TemporaryDirectory())
        write_tiny(Path(_KEPT[-1].name))
        return cls(folder=_KEPT[-1].name)

    def identity(self) -> dict[str, Any]:
        """Tell it from another by what its folder holds, not by where it lies."""
        place = resolve(self.folder)
        content = weights_digest(place) if place.is_dir() else self.folder
        return super().identity() | {"folder": content}

    def fingerprint(self) -> str:
        """Give a digest of all that replies hang on."""
        return hashlib.blake2b(json.dumps(self.identity()).encode(), digest_size=16).hexdigest()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        """Continue each prompt, in order."""
        return self.write([Writing(prompt, sampling) for prompt in prompts], done)

    def write(self, requests: Sequence[Writing], done: Done | None = None) -> list[Reply]:
        """Answer each request, in order; what a reply says does not hang on the others."""
        return self._local.write(requests, done)

    def score(self, pairs: Sequence[tuple[Prompt, str]], done: Done | None = None) -> list[Reply]:
        """Give the natural-log probability of each text behind its prompt, in order."""
        return self._local.score(pairs, done)

    def trace(self, pairs: Sequence[tuple[Prompt, str]]) -> list[list[Token]]:
        """Give each token of each text with its natural-log probability."""
        return self._local.trace(pairs)

    def stream(self, prompt: Prompt, sampling: Sampling) -> Generator[str, None, Reply]:
        """Give pieces of a reply as they are written; return the whole."""
        return self._local.stream(prompt, sampling)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Give the mean of the last hidden vectors of each text."""
        return self._local.embed(texts)

    @cached_property
    def _local(self) -> "Local":
        place = resolve(self.folder)
        if not any((place / name).is_file() for name in ("config.json", "adapter_config.json")):
            raise DataError(f"there is no model in {place}", hint="a model has a config.json and safetensors")
        need("torch", "train")
        from lmloop.nn.inference.own import load

        return load(place, self.rows, self.task)
