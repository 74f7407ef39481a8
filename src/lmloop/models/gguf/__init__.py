"""A GGUF file through llama.cpp: quantised models of all makers, on a CPU or with layers on a GPU."""

from collections.abc import Generator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PositiveInt

from lmloop.core.content import file_digest, settings_digest
from lmloop.core.errors import DataError
from lmloop.core.model import Done, Prompt, Reply, Sampling, Token, Writing, raw_text
from lmloop.core.outside import resolve
from lmloop.core.part import Part
from lmloop.models.gguf.loaded import Loaded
from lmloop.models.gguf.scoring import Judged, Text, score
from lmloop.models.gguf.writing import Wanted, write


class Gguf(Part):
    """Run the model in ``file``, once it is asked something.

    Conversations are put into the chat template that the file holds. What prompts begin with alike is computed once,
    and up to ``rows`` texts are written or scored side by side. They share a cache of ``context`` tokens: a prompt
    that is longer loses its beginning. ``gpu_layers`` of the model are computed on a GPU (-1: all), where the library
    was built for one. An embedding is the mean of a text's vectors (of its first 512 tokens).
    """

    version: ClassVar[int] = 2

    file: str
    context: PositiveInt = 4096
    rows: int = Field(16, ge=2, le=64)
    gpu_layers: int = Field(0, ge=-1)

    @classmethod
    def named(cls, place: str) -> dict[str, Any]:
        """Read the file's name."""
        return {"file": place}

    @classmethod
    def example(cls) -> "Gguf":
        """Give a tiny one with weights drawn at random, in a file that is removed when the process ends."""
        from lmloop.models.gguf.tiny import tiny_file

        return cls(file=str(tiny_file()), context=256)

    def identity(self) -> dict[str, Any]:
        """Tell it from another by what the file holds, not by where it lies, nor by how many go side by side."""
        told = {name: value for name, value in super().identity().items() if name not in ("rows", "gpu_layers")}
        place = resolve(self.file)
        return told | {"file": file_digest(place) if place.is_file() else self.file}

    def fingerprint(self) -> str:
        """Give a digest of all that its replies hang on."""
        return settings_digest(self.identity())

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        """Go on after each prompt, in order."""
        return self.write([Writing(prompt, sampling) for prompt in prompts], done)

    def write(self, requests: Sequence[Writing], done: Done | None = None) -> list[Reply]:
        """Answer each request, in order; what a reply says does not hang on the others."""
        found: dict[int, Reply] = {}
        for place, piece in write(self._loaded, [self._wanted(request) for request in requests]):
            if isinstance(piece, Reply):
                found[place] = piece
                if done is not None:
                    done(place, piece)
        return [found[place] for place in range(len(requests))]

    def stream(self, prompt: Prompt, sampling: Sampling) -> Generator[str, None, Reply]:
        """Give pieces of the text as they are written; return the whole reply."""
        reply = Reply("")
        for _, piece in write(self._loaded, [self._wanted(Writing(prompt, sampling))]):
            if isinstance(piece, Reply):
                reply = piece
            else:
                yield piece
        return reply

    def score(self, pairs: Sequence[tuple[Prompt, str]], done: Done | None = None) -> list[Reply]:
        """Give the natural-log probability of each text after its prompt, in order."""
        texts = [self._text(prompt, text) for prompt, text in pairs]
        found: dict[int, Reply] = {}

        def told(place: int, judged: Judged) -> None:
            reply = Reply(
                pairs[place][1],
                logprob=min(0.0, sum(judged.logprobs)),
                tokens=len(judged.logprobs),
                greedy=all(judged.greedy),
                prompt_tokens=texts[place].first,
            )
            found[place] = reply
            if done is not None:
                done(place, reply)

        score(self._loaded, texts, told)
        return [found[place] for place in range(len(pairs))]

    def trace(self, pairs: Sequence[tuple[Prompt, str]]) -> list[list[Token]]:
        """Give each token of each text with its natural-log probability.

        A text behind nothing is read as it is: without a token that begins a text, its first one has none.
        """
        texts = [self._own(text) if raw_text(prompt) == "" else self._text(prompt, text) for prompt, text in pairs]
        found: dict[int, list[Token]] = {}

        def told(place: int, judged: Judged) -> None:
            one = texts[place]
            bare = raw_text(pairs[place][0]) == "" and one.ids[:1] == tuple(self._loaded.encode(pairs[place][1])[:1])
            pieces = self._loaded.pieces(one.ids[0 if bare else one.first :])
            known = zip([None] * bare + list(judged.logprobs), [None] * bare + list(judged.greedy), strict=True)
            found[place] = [Token(piece, *each) for piece, each in zip(pieces, known, strict=True)]

        score(self._loaded, texts, told)
        return [found[place] for place in range(len(pairs))]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Give the mean of the last vectors of each text, of length 1."""
        return [self._embedder.embedding(self._embedder.encode(text, begins=True)).tolist() for text in texts]

    @cached_property
    def _place(self) -> Path:
        place = resolve(self.file)
        if not place.is_file():
            raise DataError(f"there is no file {place}", hint="gguf:FILE names a file that ends in .gguf")
        return place

    @cached_property
    def _loaded(self) -> Loaded:
        return Loaded(self._place, self.context, self.rows, self.gpu_layers)

    @cached_property
    def _embedder(self) -> Loaded:
        return Loaded(self._place, self.context, 1, self.gpu_layers, embeds=True)

    def _wanted(self, request: Writing) -> Wanted:
        most = min(request.sampling.max_tokens, self._loaded.context - 1)
        ids = self._prompt(request.prompt)[-(self._loaded.context - most) :]
        return Wanted(tuple(ids), request.sampling, most)

    def _prompt(self, prompt: Prompt) -> list[int]:
        return self._loaded.prompt(prompt) or [self._loaded.begin]

    def _own(self, text: str) -> Text:
        """Encode a text that stands behind nothing."""
        ids = self._loaded.encode(text, begins=True)[-self._loaded.context :]
        return Text(tuple(ids), 1)

    def _text(self, prompt: Prompt, text: str) -> Text:
        """Encode a prompt and its text as lm-eval does: as one, white space at the prompt's end belonging to the text.

        Of a conversation the two are encoded apart: its template ends the prompt with a token of its own.
        """
        raw = raw_text(prompt)
        if not text or raw is None:
            before = self._prompt(prompt)
            ids = [*before, *self._loaded.encode(text)]
        else:
            bare = raw.rstrip()
            before = self._loaded.encode(bare, begins=True) if bare else [self._loaded.begin]
            ids = self._loaded.encode(raw + text, begins=True) if bare else [*before, *self._loaded.encode(raw + text)]
        lost = max(0, len(ids) - self._loaded.context)
        return Text(tuple(ids[lost:]), max(1, min(len(before), len(ids)) - lost))
