"""What a model can do: a back-end offers one or more of three powers, and a task says which it needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from lmloop.core.record import Turn


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said.

    ``logprob`` is the natural-log probability of the text after its prompt, where it is known;
    ``tokens`` counts what was written; ``cut`` tells that the limit ended it and not the model;
    ``greedy`` that every token of a scored text was the model's own first choice.
    """

    text: str
    logprob: float | None = None
    tokens: int = 0
    cut: bool = False
    greedy: bool | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to write: at most how many tokens, how freely, and where to stop."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0


Prompt: TypeAlias = tuple[Turn, ...]


@runtime_checkable
class Generates(Protocol):
    """Can write."""

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """Answer each prompt, in order."""
        ...


@runtime_checkable
class Scores(Protocol):
    """Can judge how likely a text is."""

    def score(self, pairs: Sequence[tuple[Prompt, str]]) -> list[Reply]:
        """Give the log-probability of each continuation after its prompt, in order."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """Can place a text in space."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Give one vector for each text, all of one length."""
        ...


Model: TypeAlias = Generates | Scores | Embeds
