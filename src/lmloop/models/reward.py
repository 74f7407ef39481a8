"""A reward model: it judges replies, and writes none."""

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from shutil import copyfile
from typing import Any

from pydantic import Field

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.core.model import Done, Prompt, Reply, raw_text, told
from lmloop.core.outside import resolve
from lmloop.core.part import Part
from lmloop.core.record import Turn
from lmloop.core.scratch import scratch_folder
from lmloop.kernels.tokenizing import FILE, Tokenizer
from lmloop.kernels.tokenizing.chat import ASSISTANT, Template


class Reward(Part):
    """Judge replies by a model that was tuned with the objective ``reward``.

    ``folder`` holds what that tuning made. The score of a reply is log sigmoid of its reward: the log-probability, by
    Bradley and Terry, that it is preferred to a reply of reward 0. ``rows`` are computed side by side.
    """

    folder: str = "."
    rows: int = Field(default=16, ge=1)

    @classmethod
    def example(cls) -> "Reward":
        """Give a tiny one with fresh weights, in a folder that is removed when the process ends."""
        from lmloop.kernels.tokenizing.toy import byte_tokenizer
        from lmloop.nn.rewarding import write_fresh

        folder = scratch_folder()
        copyfile(byte_tokenizer(), folder / FILE)
        write_fresh(folder, Tokenizer.load(folder).vocab_size)
        return cls(folder=str(folder))

    def score(self, pairs: Sequence[tuple[Prompt, str]], done: Done | None = None) -> list[Reply]:
        """Judge each reply to its prompt, in order."""
        from lmloop.nn.rewarding import reward

        texts = [self._ids(prompt, text) for prompt, text in pairs]
        found = reward(self._model, texts, self.rows)
        logs = (min(0.0, value) - math.log1p(math.exp(-abs(value))) for value in found)
        said = (
            Reply(text, logprob=log, tokens=len(ids)) for (_, text), ids, log in zip(pairs, texts, logs, strict=True)
        )
        return told(said, done)

    @cached_property
    def _place(self) -> Path:
        place = resolve(self.folder)
        if not place.is_dir():
            raise DataError(f"there is no reward model in {place}", hint="name what a tuning to a reward made")
        return place

    @cached_property
    def _model(self) -> Any:
        torch = need("torch", "train")
        from lmloop.nn.rewarding import open_rewarding

        return open_rewarding(self._place).to("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer.load(self._place)

    @cached_property
    def _template(self) -> Template | None:
        return Template.load(self._place)

    def _ids(self, prompt: Prompt, text: str) -> list[int]:
        """Give the ids of a conversation as it was learnt from, but for the last one, which nothing is read behind."""
        tokenizer = self._tokenizer
        if self._template is None or raw_text(prompt) is not None:
            around = [[] if each is None else [each] for each in (tokenizer.bos_id, tokenizer.eos_id)]
            asked = tokenizer.encode("".join(turn.text for turn in prompt)).tolist()
            ids = [*around[0], *asked, *tokenizer.encode(text).tolist(), *around[1]]
        else:
            whole = self._template.render([*prompt, Turn(ASSISTANT, text)])
            ids = tokenizer.encode(whole, specials=True).tolist()
        return (ids[:-1] or ids or [0])[-self._model.shape.context :]
