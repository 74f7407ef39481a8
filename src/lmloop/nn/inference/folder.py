"""A model that lies in a folder, as a recipe names it: what the back-ends for local weights have in common.

No torch here: it is loaded when the model is first asked something.
"""

from abc import abstractmethod
from collections.abc import Generator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from lmloop.core.content import settings_digest
from lmloop.core.model import Done, Prompt, Reply, Sampling, Token, Writing
from lmloop.core.outside import resolve
from lmloop.core.part import Part
from lmloop.core.scratch import scratch_folder
from lmloop.nn.opening import stack_digest

if TYPE_CHECKING:
    from lmloop.nn.inference.local import Local


class FolderModel(Part):
    """A back-end whose weights lie in ``folder``; it says how they are opened, and has all powers by that."""

    folder: str

    @abstractmethod
    def opened(self) -> "Local":
        """Open the model; this is asked once.

        Raises:
            DataError: there is none, or it cannot be opened.
        """

    @classmethod
    def example(cls) -> Self:
        """Give a tiny one with fresh weights, in a folder that is removed when the process ends."""
        from lmloop.nn.inference.tiny import write_tiny

        folder = scratch_folder()
        write_tiny(folder)
        return cls(folder=str(folder))

    def identity(self) -> dict[str, Any]:
        """Tell it from another by what its folder holds, and of an adapter what it sits on; not by where they lie."""
        place = resolve(self.folder)
        content = stack_digest(place) if place.is_dir() else self.folder
        return super().identity() | {"folder": content}

    def fingerprint(self) -> str:
        """Give a digest of all that replies hang on."""
        return settings_digest(self.identity())

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        """Go on after each prompt, in order."""
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
        """Give the mean of the last hidden vectors of each text: as many numbers as the model is wide."""
        return self._local.embed(texts)

    @cached_property
    def _local(self) -> "Local":
        return self.opened()
