"""Scoring continuations: what prompts share is read once, and what they do not side by side.

The trie over all prompts and continuations is walked depth first. A stretch that much hangs on is read by itself and
its keys and values stay on the path; subtrees that are small are laid side by side, each as one text in which a place
looks at those on its own branch only (as the trees of Miao et al. 2024, SpecInfer, section 4.2).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from lmloop.nn.inference.laying import Budget, Text, bundles, lay
from lmloop.nn.inference.likelihood import likelihood
from lmloop.nn.inference.mixing import Advance, Bundle, Path
from lmloop.nn.inference.network import Network
from lmloop.nn.inference.trie import Ids, Node, grow


@dataclass(frozen=True, slots=True)
class Scored:
    """How likely a continuation is: its log-probability in nats, its tokens, and whether each was the likeliest."""

    logprob: float
    tokens: int
    greedy: bool


Told: TypeAlias = Callable[[int, Scored], None]
Question: TypeAlias = tuple[int, int, int]
"""The place that is asked (tokens from the root), the token that may follow, and the request that wants to know."""


@torch.inference_mode()
def score(
    network: Network, pairs: Sequence[tuple[Ids, Ids]], told: Told | None = None, budget: Budget | None = None
) -> list[Scored]:
    """Score each continuation behind its prompt (ids; a prompt has at least one).

    ``told`` hears each result as soon as it is there.
    """
    if not pairs:
        return []
    sequences = [np.concatenate([prompt, text]).astype(np.uint32) for prompt, text in pairs]
    root, last = grow([sequence[:-1] for sequence in sequences])
    asked = _Asked(sequences, [len(prompt) for prompt, _ in pairs], told)
    asked.note(last)
    longest = max(map(len, sequences))
    _Walk(network, asked, budget or Budget.on(network.device), Path(longest)).below([Text(root, 0)])
    return [asked.result(number) for number in range(len(pairs))]


@dataclass(slots=True)
class _Asked:
    """What is asked at which node, and what came of it so far."""

    sequences: Sequence[Ids]
    begins: Sequence[int]
    told: Told | None
    at: dict[int, list[int]] = field(default_factory=dict)
    sums: dict[int, float] = field(default_factory=dict)
    greedy: dict[int, bool] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)

    def note(self, last: Sequence[Node]) -> None:
        """Go up from the node that each request ends with, as far as it asks."""
        for number, node in enumerate(last):
            begin = self.begins[number]
            self.left[number] = len(self.sequences[number]) - begin
            self.sums[number], self.greedy[number] = 0.0, True
            here: Node | None = node if self.left[number] else None
            while here is not None and here.end >= begin:
                self.at.setdefault(id(here), []).append(number)
                here = here.parent
            if not self.left[number] and self.told is not None:
                self.told(number, self.result(number))

    def of(self, node: Node) -> Iterator[Question]:
        """Give what is asked at a node, once."""
        for number in self.at.pop(id(node), ()):
            for place in range(max(self.begins[number] - 1, node.start), node.end):
                yield place, int(self.sequences[number][place + 1]), number

    def answer(self, number: int, logprob: float, greedy: bool) -> None:
        """Take an answer; tell of the request if it was the last."""
        self.sums[number] += logprob
        self.greedy[number] &= greedy
        self.left[number] -= 1
        if not self.left[number] and self.told is not None:
            self.told(number, self.result(number))

    def result(self, number: int) -> Scored:
        length = len(self.sequences[number]) - self.begins[number]
        return Scored(min(self.sums[number], 0.0), length, self.greedy[number])


@dataclass(slots=True)
class _Walk:
    """The way through the trie."""

    network: Network
    asked: _Asked
    budget: Budget
    path: Path

    def below(self, texts: Sequence[Text]) -> None:
        """Read texts that go on where the path ends: small ones side by side, the others piece by piece."""
        small, large, waiting = [], [], [*texts]
        while waiting:
            text = waiting.pop()
            if text.size <= self.budget.text and not text.falls(self.budget):
                small.append(text)
            elif text.size > self.budget.text and text.alone(self.budget):
                large.append(text)
            else:  # a short stretch is read again with each of its branches
                waiting += text.apart()
        for bundle in bundles(small, self.budget.bundle):
            self._read(bundle)
        for text in large:
            self._advance(text)

    def _advance(self, text: Text) -> None:
        """Read a stretch by itself; then all that hangs on it."""
        lead, used = text.lead(), self.path.used
        tokens = np.concatenate([node.tokens for node in lead])
        questions = [question for node in lead for question in self.asked.of(node)]
        for first in range(0, len(tokens), self.budget.bundle):
            part = tokens[first : first + self.budget.bundle]
            begin, end = text.top + first, text.top + first + len(part)
            places_T = torch.arange(begin, end, device=self.network.device)
            hidden_TD = self.network.read(self._tensor(part), places_T, Advance(self.path, places_T))
            self.path.used += len(part)
            self._ask(
                hidden_TD,
                [(place - begin, token, number) for place, token, number in questions if begin <= place < end],
            )
        self.below([Text(child, text.node.end) for child in text.node.children])
        self.path.used = used

    def _read(self, texts: Sequence[Text]) -> None:
        """Read texts side by side."""
        laid = lay(texts, self.network.device)
        places_T = self._tensor(laid.places)
        bundle = Bundle(self.path, laid.rows, places_T)
        hidden_TD = self.network.read(self._tensor(laid.tokens), places_T, bundle)
        questions = [
            (place - node.start + begin, token, number)
            for node, begin in laid.nodes
            for place, token, number in self.asked.of(node)
        ]
        self._ask(hidden_TD, questions)

    def _ask(self, hidden_TD: Tensor, questions: Sequence[Question]) -> None:
        """Answer questions about places of a long row."""
        if not questions:
            return
        table = np.array(sorted(questions), np.int64)
        places, which = np.unique(table[:, 0], return_inverse=True)
        hidden_UD = hidden_TD[self._tensor(places)]
        logprobs, greedy = likelihood(self.network.head, hidden_UD, self._tensor(which), self._tensor(table[:, 1]))
        for number, logprob, first in zip(table[:, 2].tolist(), logprobs.tolist(), greedy.tolist(), strict=True):
            self.asked.answer(number, logprob, first)

    def _tensor(self, numbers: "np.typing.NDArray[np.integer]") -> Tensor:
        return torch.from_numpy(numbers.astype(np.int64)).to(self.network.device)
