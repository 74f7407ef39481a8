"""Prompts and continuations as token ids, cut where lm-eval cuts them. No torch here.

The protocol is that of lm-evaluation-harness 0.4 (``TemplateLM._encode_pair``, ``HFLM.tok_encode``): white space at a
prompt's end belongs to what follows, a prompt and its continuation are encoded as one text, and an empty prompt is the
token that begins a text.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np

from lmloop.core.model import Prompt, raw_text
from lmloop.nn.inference.trie import Ids

Side: TypeAlias = Literal["left", "middle"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that a model is to read; a ``chat`` holds special tokens by their names."""

    text: str
    chat: bool = False


class Codec(Protocol):
    """A tokenizer, with what its model begins and ends texts with."""

    @property
    def begin(self) -> int | None:
        """The token that stands for an empty prompt."""
        ...

    @property
    def ends(self) -> Collection[int]:
        """The tokens that end a reply."""
        ...

    def render(self, prompt: Prompt) -> Reading:
        """Write a conversation as one text, which ends where the reply begins."""
        ...

    def encode(self, texts: Sequence[Reading], bare: bool = False) -> list[Ids]:
        """Give the ids of texts, with what the tokenizer puts around a text; ``bare`` without."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of some ids; those of special tokens give none."""
        ...


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt and its continuation, as ids, and how many ids of the prompt found no room.

    ``whole`` tells that there was no prompt: a text of any length is scored, window by window.
    """

    prompt: Ids
    text: Ids
    left_out: int = 0
    whole: bool = False


def read(codec: Codec, prompt: Prompt) -> Reading:
    """Give the text of a prompt: raw text as it is, a conversation by its template."""
    text = raw_text(prompt)
    return codec.render(prompt) if text is None else Reading(text)


def encode_prompts(codec: Codec, prompts: Sequence[Prompt]) -> list[Ids]:
    """Encode prompts, at least one token each; equal ones once."""
    readings = [read(codec, prompt) for prompt in prompts]
    found = _encoded(codec, readings)
    return [found[reading] if len(found[reading]) else _beginning(codec) for reading in readings]


def encode_pairs(codec: Codec, asked: Sequence[tuple[Prompt, str]]) -> list[Pair]:
    """Encode prompts and continuations."""
    texts = [_moved(read(codec, prompt), text) for prompt, text in asked]
    prompts = _encoded(codec, [before for before, _ in texts if before.text])
    wholes = _encoded(codec, [Reading(before.text + text, before.chat) for before, text in texts if before.text])
    alone = [Reading(text, before.chat) for before, text in texts]
    pairs, odd = [], []
    for number, (before, text) in enumerate(texts):
        prompt = prompts.get(before, np.empty(0, np.uint32))
        whole = wholes.get(Reading(before.text + text, before.chat), prompt)
        pairs.append(Pair(prompt, whole[len(prompt) :]))
        if not len(prompt) or (text and len(whole) <= len(prompt)):
            odd.append(number)
    bare = codec.encode([alone[number] for number in odd], bare=True) if odd else []
    for number, ids in zip(odd, bare, strict=True):
        pairs[number] = _opened(codec, pairs[number].prompt, ids)
    return pairs


def fit(pair: Pair, context: int, side: Side) -> Pair:
    """Leave out what of a prompt does not fit; the last token of the continuation is never read, so it needs no room.

    One token of the prompt stays in any case.
    """
    room = max(1, context + 1 - len(pair.text))
    kept = cut(pair.prompt, room, side)
    return Pair(kept, pair.text, len(pair.prompt) - len(kept))


def windows(pair: Pair, context: int) -> list[Pair]:
    """Cut a text without a prompt where the model's context ends; each token is scored once.

    As lm-eval's ``get_rolling_token_windows`` with one token of context: each window goes on behind the last token of
    the one before, and the last one is filled up with tokens that were scored already.
    """
    ids, done = pair.text, min(context, len(pair.text))
    found = [Pair(pair.prompt, ids[:done])]
    while done < len(ids):
        end = min(done + context, len(ids))
        found.append(Pair(ids[end - context - 1 : done], ids[done:end]))
        done = end
    return found


def cut(ids: Ids, room: int, side: Side) -> Ids:
    """Leave out the beginning of a text that is too long, or its middle."""
    if len(ids) <= room:
        return ids
    if side == "left":
        return ids[len(ids) - room :]
    return np.concatenate([ids[: room - room // 2], ids[len(ids) - room // 2 :]])


def _moved(before: Reading, text: str) -> tuple[Reading, str]:
    """Move white space at a prompt's end to what follows."""
    kept = before.text.rstrip()
    return Reading(kept, before.chat), before.text[len(kept) :] + text


def _encoded(codec: Codec, readings: Sequence[Reading]) -> dict[Reading, Ids]:
    different = list(dict.fromkeys(readings))
    return dict(zip(different, codec.encode(different), strict=True)) if different else {}


def _beginning(codec: Codec) -> Ids:
    return np.array([codec.begin or 0], np.uint32)


def _opened(codec: Codec, prompt: Ids, text: Ids) -> Pair:
    """Put the beginning token before a text without a prompt, unless it has one."""
    if len(prompt):
        return Pair(prompt, text)
    begin = _beginning(codec)
    if len(text) > 1 and text[0] == begin[0]:
        return Pair(text[:1], text[1:], whole=True)
    return Pair(begin, text, whole=True)
