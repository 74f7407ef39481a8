"""From a record to examples: what is read, and which of it is to be learnt."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from lmloop.core.errors import DataError
from lmloop.core.model import raw_text
from lmloop.core.record import Record, Turn
from lmloop.kernels.examples import Example
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.chat import ASSISTANT, Rendered, Template
from lmloop.nn.goals.settings import Reads

Learn: TypeAlias = Literal["replies", "last", "all"]
TooLong: TypeAlias = Literal["cut", "drop"]

EMPTY, NO_REPLY, NO_PAIR = "empty", "the reply is empty", "nothing says which reply is better"
TOO_LONG, PROMPT_FILLS = "too long", "the prompt alone fills the context"
REFUSED, NOT_FOUND = "the chat template refuses it", "the reply cannot be told apart in the chat template"
UNKNOWN = "a verdict needs choices and an answer, or good = true or false in meta"


class Unfit(Exception):
    """A record that cannot be learnt from, and why."""


@dataclass(frozen=True)
class Encoder:
    """How records become examples: the tokenizer, the template, what is learnt, and what happens to long ones."""

    tokenizer: Tokenizer
    template: Template | None
    learn: Learn
    context: int
    too_long: TooLong

    def examples(self, record: Record, reads: Reads) -> list[Example]:
        """Give what a record teaches: a reply, a better and a worse one for each worse one, or replies with verdicts.

        Replies that are compared or judged are the last of their conversation alone.

        Raises:
            Unfit: nothing can be learnt from it.
        """
        if reads in ("pairs", "verdicts"):
            last = replace(self, learn="last")
            return list(last._pairs(record) if reads == "pairs" else last._verdicts(record))
        if record.choices:
            if record.answer is None:
                raise Unfit(NO_PAIR)
            return [self._reply(record.prompt, record.choices[record.answer])]
        return [self._reply(record.prompt, record.text) if record.prompt else self._document(record.text)]

    def _pairs(self, record: Record) -> Iterator[Example]:
        if record.answer is None or len(record.choices) < 2:
            raise Unfit(NO_PAIR)
        better = self._reply(record.prompt, record.choices[record.answer])
        for place, choice in enumerate(record.choices):
            if place != record.answer:
                worse = self._reply(record.prompt, choice)
                yield better
                yield Example(worse.ids, worse.learnt, worse.size, good=False)

    def _verdicts(self, record: Record) -> Iterator[Example]:
        verdict = record.meta.get("good")
        if record.choices and record.answer is not None:
            judged = [(choice, place == record.answer) for place, choice in enumerate(record.choices)]
        elif record.prompt and isinstance(verdict, bool):
            judged = [(record.text, verdict)]
        else:
            raise Unfit(UNKNOWN)
        for text, good in judged:
            found = self._reply(record.prompt, text)
            yield Example(found.ids, found.learnt, found.size, good)

    def prompt(self, turns: tuple[Turn, ...]) -> list[int]:
        """Give the ids of a prompt that asks for a reply.

        Raises:
            Unfit: the template refuses it.
        """
        if self.template is None or raw_text(turns) is not None:
            return [*self._begin, *self._plain("".join(turn.text for turn in turns))]
        try:
            text = self.template.render(turns, asks=True)
        except DataError:
            raise Unfit(REFUSED) from None
        return [int(token) for token in self.tokenizer.encode(text, specials=True)]

    def ends(self, examples: list[Example]) -> set[int]:
        """Give the special tokens that end what is learnt: writing is to end there, too."""
        last = {
            next(id for id, mark in zip(reversed(e.ids), reversed(e.learnt), strict=True) if mark) for e in examples
        }
        return last & self._specials

    def _reply(self, turns: tuple[Turn, ...], text: str) -> Example:
        if not text.strip():
            raise Unfit(NO_REPLY)
        if self.template is None or raw_text(turns) is not None:
            begin = self.prompt(turns)
            reply = [*self._plain(text), *self._end]
            learnt = [self.learn == "all"] * len(begin) + [True] * len(reply)
            return self._fitting([*begin, *reply], learnt, len(text.encode()))
        try:
            rendered = self.template.with_spans([*turns, Turn(ASSISTANT, text)])
        except DataError:
            raise Unfit(REFUSED) from None
        return self._spoken(rendered)

    def _document(self, text: str) -> Example:
        if not text.strip():
            raise Unfit(EMPTY)
        ids = [*self._begin, *self._plain(text), *self._end]
        return self._fitting(ids, [True] * len(ids), len(text.encode()))

    def _spoken(self, rendered: Rendered) -> Example:
        """Encode a conversation as one text, and mark the tokens that begin inside what is to be learnt."""
        self.tokenizer.core.encode_special_tokens = False
        encoded = self.tokenizer.core.encode(rendered.text, add_special_tokens=False)
        spans = rendered.spoken[-1:] if self.learn == "last" else rendered.spoken
        if not rendered.spoken:
            raise Unfit(NOT_FOUND)
        if self.learn == "all":
            return self._fitting(encoded.ids, [True] * len(encoded.ids), len(rendered.text.encode()))
        starts = np.array([start for start, _ in encoded.offsets], np.int64)
        learnt = np.zeros(len(starts), bool)
        for start, stop in spans:
            inside = np.flatnonzero((starts >= start) & (starts < stop))
            learnt[self._ended(inside, encoded)] = True
        size = sum(len(rendered.text[start:stop].encode()) for start, stop in spans)
        return self._fitting(encoded.ids, learnt.tolist(), size)

    def _ended(self, inside: "np.ndarray[tuple[int], np.dtype[np.int64]]", encoded: object) -> list[int]:
        """Leave out the white space that a template puts behind the token that ends a turn: writing has ended there."""
        found: list[int] = inside.tolist()
        ids: list[int] = encoded.ids  # type: ignore[attr-defined]
        kept = len(found)
        while kept and not self.tokenizer.decode([ids[found[kept - 1]]]).strip():
            kept -= 1
        return found[:kept] if kept and ids[found[kept - 1]] in self._specials else found

    def _fitting(self, ids: list[int], learnt: list[bool], size: int) -> Example:
        room = self.context + 1
        if len(ids) > room:
            if self.too_long == "drop":
                raise Unfit(TOO_LONG)
            whole = max(sum(learnt), 1)
            ids, learnt = ids[:room], learnt[:room]
            size = round(size * sum(learnt) / whole)
        if not any(learnt[1:]):
            raise Unfit(PROMPT_FILLS)
        return Example(ids, learnt, size)

    def _plain(self, text: str) -> list[int]:
        return [int(token) for token in self.tokenizer.encode(text)]

    @property
    def _begin(self) -> list[int]:
        return [] if self.tokenizer.bos_id is None else [self.tokenizer.bos_id]

    @property
    def _end(self) -> list[int]:
        return [] if self.tokenizer.eos_id is None else [self.tokenizer.eos_id]

    @property
    def _specials(self) -> frozenset[int]:
        return frozenset(self.tokenizer.core.get_added_tokens_decoder())
