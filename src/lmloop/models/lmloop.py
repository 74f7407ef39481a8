"""A model of our own: weights that a recipe made, or any folder in Hugging Face's form of Llama, Qwen2 or Qwen3."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.core.model import Done, Prompt, Reply, Sampling, told
from lmloop.core.outside import resolve
from lmloop.core.part import Part
from lmloop.kernels.tokenizing import FILE, Tokenizer

if TYPE_CHECKING:
    from lmloop.nn.decoder import Decoder


_KEPT: "list[TemporaryDirectory[str]]" = []


class Lmloop(Part):
    """Run a model in this process, on the GPU if there is one.

    ``folder`` holds ``config.json``, safetensors and the tokenizer. The texts of a prompt's turns stand one behind the
    other, as a base model reads them; a prompt that is longer than the model's context loses its beginning.
    ``rows`` are computed side by side.
    """

    folder: str = "."
    rows: int = Field(default=16, ge=1)

    @classmethod
    def example(cls) -> "Lmloop":
        """Give a tiny one with fresh weights, in a folder that is removed when the process ends."""
        from lmloop.kernels.tokenizing.toy import byte_tokenizer
        from lmloop.nn.decoder import seeded
        from lmloop.nn.huggingface import write_model
        from lmloop.nn.shape import from_depth

        _KEPT.append(TemporaryDirectory())
        folder = Path(_KEPT[-1].name)
        copyfile(byte_tokenizer(), folder / FILE)
        shape = from_depth(1, Tokenizer.load(folder).vocab_size, 128)
        write_model(folder, shape, seeded(shape, 0).state_dict(), None, None)
        return cls(folder=str(folder))

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        """Continue each prompt, some rows at a time, in order."""
        from lmloop.nn.decode import Drawing, write

        replies: list[Reply] = []
        for first in range(0, len(prompts), self.rows):
            part = [self._ids(prompt, sampling.max_tokens) for prompt in prompts[first : first + self.rows]]
            drawing = Drawing(
                sampling.max_tokens, sampling.temperature, sampling.top_p, sampling.seed + first, self._ends
            )
            replies += [self._reply(one, sampling) for one in write(self._model, part, drawing)]
        return told(replies, done)

    def score(self, pairs: Sequence[tuple[Prompt, str]], done: Done | None = None) -> list[Reply]:
        """Give the log-probability of each text behind its prompt, in order."""
        from lmloop.nn.decode import score

        encoded = [(self._ids(prompt, 0), self._encode(text)) for prompt, text in pairs]
        room = self._model.shape.context
        cut = [(prompt[-max(1, room - len(text)) :], text) for prompt, text in encoded]
        found = score(self._model, cut, self.rows)
        texts = [text for _, text in pairs]
        replies = (
            Reply(text, logprob=min(one.logprob, 0.0), tokens=one.tokens, greedy=one.greedy)
            for text, one in zip(texts, found, strict=True)
        )
        return told(replies, done)

    @cached_property
    def _place(self) -> Path:
        place = resolve(self.folder)
        if not any((place / name).is_file() for name in ("config.json", "adapter_config.json")):
            raise DataError(f"there is no model in {place}", hint="a model has a config.json and safetensors")
        return place

    @cached_property
    def _model(self) -> "Decoder":
        torch = need("torch", "train")
        from lmloop.nn.opening import open_decoder

        model: Decoder = open_decoder(self._place)
        return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer.load(self._place)

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        return () if self._tokenizer.eos_id is None else (self._tokenizer.eos_id,)

    def _encode(self, text: str) -> list[int]:
        return [int(token) for token in self._tokenizer.encode(text)]

    def _ids(self, prompt: Prompt, room: int) -> list[int]:
        """Give a prompt's ids, at least one, with room left in the context for so many tokens."""
        begin = [self._tokenizer.bos_id] if self._tokenizer.bos_id is not None else []
        ids = [*begin, *self._encode("".join(turn.text for turn in prompt))] or [0]
        return ids[-max(1, self._model.shape.context - room) :]

    def _reply(self, written: Any, sampling: Sampling) -> Reply:
        text, cut = self._tokenizer.decode(written.ids), written.cut
        ends = [text.find(stop) for stop in sampling.stop if stop in text]
        if ends:
            text, cut = text[: min(ends)], False
        return Reply(text, logprob=min(written.logprob, 0.0), tokens=len(written.ids), cut=cut)
