"""Laying subtrees of a trie out as texts: a row of tokens in which a place looks at its own branch only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmloop.nn.inference.mixing import Rows
from lmloop.nn.inference.trie import Ids, Node


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is read at once: tokens of a bundle, and of one text in it.

    A stretch is read by itself where reading it again for each text that shares it would cost ``worth`` tokens more.
    To look at ``pairs`` keys takes as long as to read a token.
    """

    bundle: int = 2048
    text: int = 512
    worth: int = 96
    pairs: int = 4096

    @classmethod
    def on(cls, device: torch.device) -> "Budget":
        """Give what suits a device: a GPU is busy only with much at once."""
        return cls(16384, 4096, 1024, 32768) if device.type == "cuda" else cls()


@dataclass(frozen=True, slots=True)
class Text:
    """A subtree that is read from ``top`` tokens below the root on: some of its ancestors' last tokens lead to it."""

    node: Node
    top: int

    @property
    def size(self) -> int:
        """How many tokens it has."""
        return self.node.start - self.top + self.node.size

    def lead(self) -> list[Node]:
        """List the nodes on the way down to its own, which is the last."""
        nodes, here = [self.node], self.node
        while here.start > self.top and here.parent is not None:
            here = here.parent
            nodes.append(here)
        return nodes[::-1]

    def alone(self, budget: Budget) -> bool:
        """Say whether it pays to read what leads to its branches by itself."""
        node, length = self.node, self.node.end - self.top
        if not node.children:
            return True
        texts = max(len(node.children), -(-(node.size - len(node.tokens)) // budget.text))
        return length > budget.text or length * (texts - 1) >= budget.worth

    def apart(self) -> "list[Text]":
        """Give its branches as texts of their own, each behind all that leads to it."""
        return [Text(child, self.top) for child in self.node.children]

    def falls(self, budget: Budget) -> bool:
        """Say whether to read its branches apart: together, they look past each other's keys in vain."""
        branches = self.apart()
        if len(branches) < 2:
            return False
        again = (self.node.end - self.top) * (len(branches) - 1)
        return self.size**2 - sum(branch.size**2 for branch in branches) > again * budget.pairs


class Laid(NamedTuple):
    """Texts as one long row: tokens and places, where the places of each node begin, and how they fall into rows."""

    tokens: Ids
    places: Ids
    nodes: list[tuple[Node, int]]
    rows: Rows


def lay(texts: Sequence[Text], device: torch.device) -> Laid:
    """Lay texts out, one behind the other."""
    nodes: list[tuple[Node, int]] = []
    lengths, masks = [], []
    first = 0
    for text in texts:
        own, length = _own(text)
        nodes += [(node, first + begin) for node, begin in own]
        lengths.append(length)
        masks.append(_mask(text, own, length))
        first += length
    tokens = np.concatenate([node.tokens for node, _ in nodes])
    places = np.concatenate([np.arange(node.start, node.end, dtype=np.uint32) for node, _ in nodes])
    return Laid(tokens, places, nodes, Rows.of(lengths, masks, device))


def bundles(texts: Sequence[Text], most: int) -> Iterator[list[Text]]:
    """Put texts into bundles of at most so many tokens, those of one size together."""
    bundle: list[Text] = []
    size = 0
    for text in sorted(texts, key=lambda text: text.size):
        if bundle and size + text.size > most:
            yield bundle
            bundle, size = [], 0
        bundle.append(text)
        size += text.size
    if bundle:
        yield bundle


def _own(text: Text) -> tuple[list[tuple[Node, int]], int]:
    """List a text's nodes with the places where they begin, and its length."""
    begin, own = 0, []
    for node in (*text.lead()[:-1], *text.node.below()):
        own.append((node, begin))
        begin += len(node.tokens)
    return own, begin


def _mask(text: Text, own: Sequence[tuple[Node, int]], length: int) -> Tensor | None:
    """Let each place look at those before it on its own branch; None where there is but one branch."""
    if all(len(node.children) <= 1 for node in text.node.below()):
        return None
    mask_LL = np.zeros((length, length), np.bool_)
    seen: dict[int, int] = {}
    for node, begin in own:
        end = begin + len(node.tokens)
        above = seen.get(id(node.parent), -1)
        if above >= 0:
            mask_LL[begin:end] = mask_LL[above]
        mask_LL[begin:end, begin:end] = np.tri(end - begin, dtype=np.bool_)
        seen[id(node)] = end - 1 if end > begin else above
    return torch.from_numpy(mask_LL)
