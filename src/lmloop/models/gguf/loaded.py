"""A model in llama.cpp's memory: its tokens, its template, and a cache whose sequences share what they begin with."""

import codecs
import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmloop.core.errors import DataError, StepError
from lmloop.core.model import Prompt, raw_text
from lmloop.kernels.tokenizing.chat import Template, prompted
from lmloop.models.gguf.library import FORK, Library, library, row

BATCH = 512
"""So many tokens are computed together, where the library does that right."""

SMALL = 16
"""So many are otherwise: fewer than the 32 from which on other loops compute them."""

TRIED = 48
"""So many tokens tell whether large steps are right."""

APART = 0.1
"""So many nats, on average, the two ways may be apart: rounding makes thousandths, wrong loops whole nats."""

UNPOOLED = 0
"""The pooling type that leaves each token its vector."""


@dataclass(frozen=True, slots=True)
class Step:
    """Tokens to compute: each with its place and sequence, and whether the logits behind it are wanted."""

    tokens: list[int]
    places: list[int]
    sequences: list[int]
    asked: list[bool]

    def part(self, first: int, end: int) -> "Step":
        """Give some of the tokens."""
        here = slice(first, end)
        return Step(self.tokens[here], self.places[here], self.sequences[here], self.asked[here])


class Loaded:
    """An open model with a cache of ``cells`` tokens for up to ``rows`` sequences; it is used by one thread at a time.

    Raises:
        DataError: the file is no model that llama.cpp can read.
    """

    def __init__(self, file: Path, cells: int, rows: int, gpu_layers: int, embeds: bool = False) -> None:
        self.library: Library = library()
        self.rows, self.embeds = rows, embeds
        settings = self.library.call("model_default_params")
        settings.n_gpu_layers = gpu_layers
        self._model = self.library.call("model_load_from_file", os.fsencode(file), settings)
        if not self._model:
            raise DataError(f"llama.cpp cannot read {file}", hint="is it a whole GGUF file, of a model it knows?")
        self.vocabulary = self.library.call("model_get_vocab", self._model)
        self.size = int(self.library.call("vocab_n_tokens", self.vocabulary))
        self.width = int(self.library.call("model_n_embd", self._model))
        self.cells = min(cells, int(self.library.call("n_ctx_train", self._model)) * (1 if embeds else rows))
        self.context = min(self.cells, int(self.library.call("n_ctx_train", self._model)))
        self._context = self._open()
        self._memory = self.library.memory(self._context)
        self.batch = BATCH
        if (not embeds and not self._is_right()) or (embeds and self.library.package == FORK):
            self.batch = SMALL

    @property
    def writers(self) -> int:
        """How many texts may be written side by side: the fork mixes up sequences of several lengths."""
        return 1 if self.library.package == FORK else self.rows - 1

    @property
    def most_asked(self) -> int:
        """Of how many tokens in a step the logits may be asked for: they are large."""
        return max(16, min(BATCH, (1 << 23) // self.size))

    @cached_property
    def template(self) -> Template | None:
        """The chat template in the file."""
        source = self.library.call("model_chat_template", self._model, None)
        specials = {"bos_token": self._word("vocab_bos"), "eos_token": self._word("vocab_eos")}
        return Template(source.decode("utf-8"), specials) if source else None

    @cached_property
    def begin(self) -> int:
        """The token that stands for an empty prompt: the one that begins a text, or else the one that ends it."""
        tokens = (int(self.library.call(name, self.vocabulary)) for name in ("vocab_bos", "vocab_eos"))
        return next((token for token in tokens if token >= 0), 0)

    def prompt(self, prompt: Prompt) -> list[int]:
        """Give the ids of a prompt: of raw text as it is, of a conversation by the template of the model."""
        raw = raw_text(prompt)
        if raw is not None:
            return self.encode(raw, begins=True)
        template = self.template
        if template is None:
            return self.encode("".join(turn.text for turn in prompt), begins=True)
        text = prompted(prompt, lambda turns: template.render(turns, asks=True))
        # most templates write the token that begins a text themselves
        begin = self._word("vocab_bos")
        return self.encode(text, begins=not (begin and text.startswith(begin)))

    def encode(self, text: str, begins: bool = False) -> list[int]:
        """Give the ids of a text; with the token that begins one, where the model has such a token."""
        data = text.encode("utf-8")
        room = len(data) + 8
        ids = (ctypes.c_int32 * room)()
        count = self.library.of_text(self.vocabulary, data, len(data), ids, room, begins, True)
        return list(ids[:count])

    def piece(self, token: int) -> bytes:
        """Give the bytes of a token; a special one has none."""
        size = 256
        buffer = ctypes.create_string_buffer(size)
        count = self.library.of_token(self.vocabulary, token, buffer, size, 0, False)
        if count < 0:
            buffer = ctypes.create_string_buffer(-count)
            count = self.library.of_token(self.vocabulary, token, buffer, -count, 0, False)
        return buffer.raw[:count]

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        """Give the text of each token; a character of several tokens stands in the first of them."""
        data = [self.piece(token) for token in tokens]
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        found, begun = [""] * len(data), 0
        for place, part in enumerate(data):
            if not decoder.getstate()[0]:
                begun = place
            text = decoder.decode(part, final=place == len(data) - 1)
            if text:
                found[begun] += text[:1]
                found[place] += text[1:]
        return found

    def ends(self, token: int) -> bool:
        """Tell whether a token ends a text."""
        return bool(self.library.call("vocab_is_eog", self.vocabulary, token))

    def compute(self, step: Step) -> NDArray[np.float32]:
        """Compute a step; give the log-probabilities of the next token behind each that was asked for.

        Raises:
            StepError: it does not fit into the cache.
        """
        firsts = range(0, len(step.tokens), self.batch)
        return np.concatenate([self._compute(step.part(first, first + self.batch)) for first in firsts])

    def _compute(self, step: Step) -> NDArray[np.float32]:
        batch = self.library.batch(step.tokens, step.places, step.sequences, step.asked)
        failed = self.library.call("decode", self._context, batch)
        if failed:
            raise StepError(f"llama.cpp could not compute {len(step.tokens)} tokens (code {failed})")
        places = [place for place, asked in enumerate(step.asked) if asked]
        if self.embeds:
            found = [row(self.library.call("get_embeddings_ith", self._context, n), self.width) for n in places]
            return np.stack(found)
        if not places:
            return np.empty((0, self.size), np.float32)
        logits = [row(self.library.call("get_logits_ith", self._context, place), self.size) for place in places]
        return log_softmax(np.stack(logits))

    def read(self, tokens: Sequence[int], first: int, sequence: int = 0) -> None:
        """Let a sequence go on with tokens from a place on; nothing is asked."""
        for begin in range(0, len(tokens), BATCH):
            part = list(tokens[begin : begin + BATCH])
            places = list(range(first + begin, first + begin + len(part)))
            self.compute(Step(part, places, [sequence] * len(part), [False] * len(part)))

    def forget(self, sequence: int, first: int = 0) -> None:
        """Forget what a sequence holds from a place on."""
        self.library.remove(self._memory, sequence, first)

    def clear(self) -> None:
        """Forget everything."""
        self.library.clear(self._memory)

    def share(self, target: int) -> None:
        """Let a sequence begin with what sequence 0 holds."""
        self.library.copy(self._memory, 0, target)

    def embedding(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Give the vector of a text, of length 1."""
        if not tokens:
            return np.zeros(self.width, np.float32)
        self.forget(0)
        part = list(tokens[: min(self.context, BATCH)])
        vectors = self.compute(Step(part, list(range(len(part))), [0] * len(part), [True] * len(part)))
        vector = vectors.mean(axis=0)
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)

    def _open(self) -> Any:
        settings = self.library.call("context_default_params")
        # one sequence may take all cells, and several share them
        wanted = {"n_ctx": self.cells, "n_batch": BATCH, "n_ubatch": BATCH, "n_seq_max": self.rows, "kv_unified": True}
        if self.embeds:
            wanted |= {"embeddings": True, "pooling_type": UNPOOLED}
        for name, value in {**wanted, "n_threads": _threads(), "n_threads_batch": _threads()}.items():
            if name in dict(settings._fields_):
                setattr(settings, name, value)
        if self.library.package == FORK:
            # its flash attention stops the process on longer prompts where the CPU lacks AVX-VNNI
            settings.flash_attn = False
        context = self.library.call("init_from_model", self._model, settings)
        if not context:
            raise StepError("llama.cpp could not open the model: is there memory for it?", hint="lower context or rows")
        return context

    def _is_right(self) -> bool:
        """Compute some tokens at once and bit by bit; tell whether the two agree.

        Some builds compute large steps by loops that are wrong on some processors: ik-llama-cpp-python 0.1.5 does for
        4-bit weights where the processor has no AVX-VNNI.
        """
        count = min(TRIED, self.context)
        tokens = [(7919 * place + 11) % self.size for place in range(count)]
        step = Step(tokens, list(range(count)), [0] * count, [place >= count - SMALL for place in range(count)])
        self.clear()
        large = self._compute(step)
        self.clear()
        small = np.concatenate([self._compute(step.part(first, first + SMALL)) for first in range(0, count, SMALL)])
        self.clear()
        return float((np.exp(small) * (small - large)).sum(axis=1).mean()) < APART

    def _word(self, name: str) -> str:
        token = self.library.call(name, self.vocabulary)
        return self.library.call("vocab_get_text", self.vocabulary, token).decode("utf-8") if token >= 0 else ""


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn rows of logits into log-probabilities, in single precision from the largest one down."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True, dtype=np.float64)), np.float32)


def alike(one: Sequence[int], other: Sequence[int]) -> int:
    """Count the ids that two begin with alike."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
