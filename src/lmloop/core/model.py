"""What a model can do: a back-end offers one or more of three powers, and a task says which it needs.

A prompt is a conversation. One turn of the role ``text`` is no conversation but raw text, which every back-end reads
byte for byte; any other prompt is put into the model's chat template where it has one.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from lmloop.core.record import Turn

TEXT = "text"
"""The role of a prompt's only turn where the prompt is raw text."""

Prompt: TypeAlias = tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said.

    ``logprob`` is the natural-log probability of the text after its prompt, where it is known; ``tokens`` counts
    what was written or scored and ``prompt_tokens`` what was read before it; ``cut`` tells that the limit ended it
    and not the model; ``greedy`` that every token of a scored text was the model's own first choice. ``error`` says
    why there is no reply, where a model that is asked over a network gave none. ``left_out`` counts the tokens of the
    prompt that the model could not read because it was too long.
    """

    text: str
    logprob: float | None = None
    tokens: int = 0
    cut: bool = False
    greedy: bool | None = None
    prompt_tokens: int = 0
    error: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text and its natural-log probability after all before it.

    Tokens put together are the text: a character that takes several stands in the first of them, and the others are
    empty. ``logprob`` is None where nothing stands before it, not even a token that begins a text; ``greedy`` tells
    whether it was the model's own first choice.
    """

    text: str
    logprob: float | None
    greedy: bool | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to write: at most how many tokens, how freely, and where to stop."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Scoring:
    """A request: how likely is this text after that prompt?"""

    prompt: Prompt
    text: str


@dataclass(frozen=True, slots=True)
class Writing:
    """A request: go on after this prompt."""

    prompt: Prompt
    sampling: Sampling


Request: TypeAlias = Scoring | Writing
Done: TypeAlias = Callable[[int, Reply], None]
"""Hears the place and the reply of each item as soon as it is there, in whatever order: to save it, or to count."""


def text_prompt(text: str) -> Prompt:
    """Make a prompt of raw text."""
    return (Turn(TEXT, text),)


def raw_text(prompt: Prompt) -> str | None:
    """Give the text of a raw prompt; None for a conversation."""
    return prompt[0].text if len(prompt) == 1 and prompt[0].role == TEXT else None


def told(replies: Iterable[Reply], done: Done | None) -> list[Reply]:
    """Collect replies that come in order, telling who listens of each."""
    found = []
    for place, reply in enumerate(replies):
        found.append(reply)
        if done is not None:
            done(place, reply)
    return found


def finished(stream: Generator[str, None, Reply], heard: Callable[[str], None] = lambda piece: None) -> Reply:
    """Let a stream run to its end, and give the whole reply; ``heard`` hears each piece."""
    while True:
        try:
            heard(next(stream))
        except StopIteration as end:
            reply: Reply = end.value
            return reply


def cut_at_stop(text: str, stops: Iterable[str]) -> tuple[str, bool]:
    """Give a text up to the first of some stops, and whether there was one."""
    ends = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return (text[: min(ends)], True) if ends else (text, False)


def held_back(text: str, stops: Iterable[str]) -> int:
    """Say how many characters at the end of a text may be the beginning of a stop, and are not shown yet."""
    longest = 0
    for stop in stops:
        sizes = range(min(len(stop) - 1, len(text)), longest, -1)
        longest = next((size for size in sizes if text.endswith(stop[:size])), longest)
    return longest


@runtime_checkable
class Generates(Protocol):
    """Can write."""

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        """Answer each prompt, in order."""
        ...


@runtime_checkable
class Writes(Protocol):
    """Can write with a sampling of its own for each prompt, all side by side."""

    def write(self, requests: Sequence[Writing], done: Done | None = None) -> list[Reply]:
        """Answer each request, in order."""
        ...


@runtime_checkable
class Scores(Protocol):
    """Can judge how likely a text is."""

    def score(self, pairs: Sequence[tuple[Prompt, str]], done: Done | None = None) -> list[Reply]:
        """Give the log-probability of each continuation after its prompt, in order."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """Can place a text in space."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Give one vector for each text, all of one length."""
        ...


@runtime_checkable
class Traces(Protocol):
    """Can show how it judges a text, token by token: what a server repeats to those who score from afar."""

    def trace(self, pairs: Sequence[tuple[Prompt, str]]) -> list[list[Token]]:
        """Give the tokens of each text after its prompt, in order."""
        ...


@runtime_checkable
class Streams(Protocol):
    """Can write piece by piece."""

    def stream(self, prompt: Prompt, sampling: Sampling) -> Generator[str, None, Reply]:
        """Give pieces of the text as they are written; return the whole reply."""
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """Knows what it is made of."""

    def fingerprint(self) -> str:
        """Give a digest of all that its replies hang on: weights, tokenizer, template and settings, wherever they lie.

        Replies may be kept under it. It is cheap: what was read once is not read again.
        """
        ...


Model: TypeAlias = Generates | Scores | Embeds
