"""A trie of token sequences: what several of them begin with is there once. No torch here.

Only token ids are compared, never texts: two texts that begin alike may be cut into tokens differently.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Ids: TypeAlias = npt.NDArray[np.uint32]


@dataclass(slots=True, eq=False)
class Node:
    """A stretch of tokens that no sequence leaves in its middle.

    The stretch is ``tokens``; ``start`` is how many tokens come before it, on the way from the root. ``ends`` lists the
    sequences that end with it, ``size`` counts its tokens and those of all nodes below it, ``leaves`` the sequences
    that end at or below it.
    """

    start: int
    tokens: Ids
    parent: "Node | None" = field(default=None, repr=False)
    children: list["Node"] = field(default_factory=list, repr=False)
    ends: list[int] = field(default_factory=list)
    size: int = 0
    leaves: int = 0

    @property
    def end(self) -> int:
        """How many tokens there are from the root to its end."""
        return self.start + len(self.tokens)

    def below(self) -> Iterator["Node"]:
        """Walk over the node and all below it: a node before its children, and a child's whole subtree in one go."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


def grow(sequences: Sequence[Ids]) -> tuple[Node, list[Node]]:
    """Make the trie of some sequences; give its root, which may be empty, and the node that each one ends with."""
    keys = [sequence.astype(">u4").tobytes() for sequence in sequences]
    order = sorted(range(len(sequences)), key=keys.__getitem__)
    root = Node(0, np.empty(0, np.uint32))
    last: list[Node] = [root] * len(sequences)
    before: Ids = root.tokens
    way = [root]
    for number in order:
        sequence = sequences[number]
        shared = _shared(before, sequence)
        while way[-1].start > shared or (way[-1].start == shared and len(way) > 1):
            way.pop()
        if way[-1].end > shared:
            _split(way[-1], shared)
        if len(sequence) > shared:
            new = Node(shared, sequence[shared:], way[-1])
            way[-1].children.append(new)
            way.append(new)
        way[-1].ends.append(number)
        before = sequence
    for node in reversed(list(root.below())):
        node.size = len(node.tokens) + sum(child.size for child in node.children)
        node.leaves = len(node.ends) + sum(child.leaves for child in node.children)
        for number in node.ends:
            last[number] = node
    return root, last


def _split(node: Node, place: int) -> None:
    """Cut a node in two at a number of tokens from the root; it keeps the upper part."""
    cut = place - node.start
    lower = Node(place, node.tokens[cut:], node, node.children, node.ends)
    for child in lower.children:
        child.parent = lower
    node.tokens, node.children, node.ends = node.tokens[:cut], [lower], []


def _shared(one: Ids, other: Ids) -> int:
    """Count the tokens that two sequences begin with in common."""
    length = min(len(one), len(other))
    different = one[:length] != other[:length]
    return int(different.argmax()) if different.any() else length
