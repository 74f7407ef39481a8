"""A model in Hugging Face's form, of any architecture that ``transformers`` knows, in this process."""

import hashlib
import json
from collections.abc import Generator, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

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


class Transformers(Part):
    """Run a model of ``transformers``, on the GPU if there is one.

    ``folder`` is a folder with ``config.json``, weights and tokenizer, or a name on the hub (of a ``revision``). A
    conversation is put into the model's chat template; without one, the texts of its turns stand one behind the other.
    A prompt that is longer than the model's context loses its beginning (``truncate`` ``middle``: its middle).
    What prompts share is read once, and logits are made only where they are needed; results are those of the model's
    own code, which is asked a few questions for comparison when the model is opened. An architecture whose attention
    cannot be replaced is read by its own code alone, slowly.

    ``device`` is ``auto``, ``cpu``, ``cuda`` or ``cuda:1``; ``dtype`` ``auto`` is that of the weights on a GPU and
    float32 on a CPU. ``device_map`` spreads a model over several
    devices, as in ``transformers``. ``rows`` replies are written side by side (0: what suits the device). An adapter
    that a tuning wrote is opened with its model; ``task`` is as for ``lmloop``.
    """

    folder: str
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    device_map: str = ""
    revision: str = ""
    truncate: Literal["left", "middle"] = "left"
    rows: int = Field(default=0, ge=0)
    task: str = ""

    @classmethod
    def example(cls) -> "Transformers":
        """Give a tiny one with fresh weights, in a folder that is removed when the process ends."""
        from lmloop.nn.inference.tiny import write_tiny

        need("transformers", "huggingface")
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
        """Answer each prompt, in order."""
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
        need("torch", "train")
        from lmloop.nn.inference.opening import Opening, load

        place = resolve(self.folder)
        if not place.is_dir() and (self.folder.startswith((".", "/", "~")) or self.folder.count("/") > 1):
            raise DataError(f"there is no folder {place}", hint="name a folder with config.json and weights")
        name = str(place) if place.is_dir() else self.folder
        how = Opening(self.dtype, self.device, self.device_map, self.revision, self.rows, self.truncate, self.task)
        return load(name, how)
