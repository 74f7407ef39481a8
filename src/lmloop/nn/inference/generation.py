"""Writing many replies at once: what prompts share is read once, and a row that is done makes room for the next.

Rows share a prefix in groups; a step looks at each prefix once for all its rows and at each row's own places
(:mod:`lmloop.nn.inference.attending`). Rows come and go at every step (Yu et al. 2022, Orca, section 3.1), so none
waits for the longest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from lmloop.nn.inference.drawing import Drawing, draw
from lmloop.nn.inference.laying import Budget
from lmloop.nn.inference.mixing import Advance, Bundle, Path, Rows, Slots, Step
from lmloop.nn.inference.network import Network
from lmloop.nn.inference.trie import Ids, Node, grow

SHARED = 64
"""A longer prefix has a group of its own where at least two share so many more tokens."""

Ended: TypeAlias = Callable[[Sequence[int]], bool]
"""Told of all ids written so far, the last of which is new; says whether the reply ends here."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reply that is wanted: behind which prompt (ids, at least one), how it is drawn, and what else ends it."""

    prompt: Ids
    drawing: Drawing
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: ids, the log-probability of them all in nats, and whether ``most`` cut it short."""

    ids: tuple[int, ...]
    logprob: float
    cut: bool


Told: TypeAlias = Callable[[int, Written], None]


@dataclass(frozen=True, slots=True)
class Room:
    """How many rows are written at once, and how many bytes their keys and values may take."""

    rows: int = 64
    memory: int = 1 << 30

    @classmethod
    def on(cls, device: torch.device) -> "Room":
        """Give what suits a device."""
        if device.type != "cuda":
            return cls()
        return cls(256, torch.cuda.mem_get_info(device)[0] // 2)


@torch.inference_mode()
def write(
    network: Network, wanted: Sequence[Wanted], told: Told | None = None, room: Room | None = None
) -> list[Written]:
    """Write all replies; ``told`` hears each one as soon as it is there. A reply does not hang on the others."""
    if not wanted:
        return []
    root, _ = grow([np.asarray(one.prompt[:-1], np.uint32) for one in wanted])
    desk = _Desk(network, wanted, told, _groups(root, Budget.on(network.device)), room or Room.on(network.device))
    desk.run()
    return [desk.written[number] for number in range(len(wanted))]


@dataclass(slots=True, eq=False)
class _Group:
    """Requests whose prompts begin with the same ids, and the keys and values of these once they are read."""

    node: Node
    waiting: list[int]
    writing: int = 0
    path: Path | None = None

    @property
    def length(self) -> int:
        return self.node.end

    def prefix(self) -> Ids:
        parts, here = [self.node.tokens], self.node.parent
        while here is not None:
            parts.append(here.tokens)
            here = here.parent
        return np.concatenate(parts[::-1])


@dataclass(slots=True, eq=False)
class _Row:
    """A reply that is being written: its own places so far, and the last token, which is not read yet."""

    number: int
    group: _Group
    own: int
    token: int
    chance: Random
    ids: list[int] = field(default_factory=list)
    logprob: float = 0.0


def _groups(root: Node, budget: Budget) -> list[_Group]:
    """Say which prefixes are read once: long ones of two or more requests, and long prompts by themselves."""
    groups = []
    heads = [root]
    while heads:
        head = heads.pop()
        members, below = [*head.ends], [*head.children]
        while below:
            node = below.pop()
            more = node.end - head.end
            if (node.leaves > 1 and more >= SHARED) or (not node.children and more > budget.text):
                heads.append(node)
            else:
                members += node.ends
                below += node.children
        if members:
            groups.append(_Group(head, members))
    return groups


@dataclass(slots=True)
class _Desk:
    """Where the rows lie: row ``n`` has slot ``n``."""

    network: Network
    wanted: Sequence[Wanted]
    told: Told | None
    groups: list[_Group]
    room: Room
    rows: list[_Row] = field(default_factory=list)
    written: dict[int, Written] = field(default_factory=dict)

    def run(self) -> None:
        """Write until nobody waits and no row is open."""
        for group in self.groups:  # the longest come last, and are taken first
            group.waiting.sort(key=lambda number: len(self.wanted[number].prompt))
        longest = max(self._own(number, group) for group in self.groups for number in group.waiting)
        fit = max(1, self.room.memory // max(1, self.network.place_bytes * longest))
        self.slots = Slots(min(self.room.rows, fit, len(self.wanted)), longest)
        while self.groups or self.rows:
            while self.groups and (not self.rows or self._free() >= max(1, self.slots.count // 8)):
                self._admit(self.groups[0])
            if self.rows:
                self._step()

    slots: Slots = field(default_factory=lambda: Slots(0, 0))

    def _own(self, number: int, group: _Group) -> int:
        one = self.wanted[number]
        return len(one.prompt) - group.length + one.drawing.most

    def _free(self) -> int:
        return self.slots.count - len(self.rows)

    def _admit(self, group: _Group) -> None:
        """Read the prompts of as many of a group as there is room for, and begin their replies."""
        if group.path is None:
            group.path = self._path(group.prefix())
        taken: list[int] = []
        tokens, budget = 0, Budget.on(self.network.device).bundle
        while group.waiting and len(taken) < self._free() and (not taken or tokens < budget):
            taken.append(group.waiting.pop())
            tokens += len(self.wanted[taken[-1]].prompt) - group.length
        if not group.waiting:
            self.groups.remove(group)
        own = [np.asarray(self.wanted[number].prompt[group.length :], np.int64) for number in taken]
        lengths = [len(ids) for ids in own]
        device = self.network.device
        places_T = torch.cat([torch.arange(group.length, group.length + length) for length in lengths]).to(device)
        slots = range(len(self.rows), len(self.rows) + len(taken))
        bundle = Bundle(group.path, Rows.of(lengths, [None] * len(own), device), places_T, self.slots, slots)
        hidden_TD = self.network.read(torch.from_numpy(np.concatenate(own)).to(device), places_T, bundle)
        for number, length in zip(taken, lengths, strict=True):
            one = self.wanted[number]
            self.rows.append(_Row(number, group, length, 0, one.drawing.chance(np.asarray(one.prompt))))
            group.writing += 1
        ends_R = torch.tensor(lengths, device=device).cumsum(0) - 1
        self._draw(hidden_TD[ends_R], self.rows[-len(taken) :])

    def _path(self, prefix: Ids) -> Path:
        """Read what a group shares."""
        path, device = Path(len(prefix)), self.network.device
        tokens_T = torch.from_numpy(prefix.astype(np.int64)).to(device)
        step = Budget.on(device).bundle
        for first in range(0, len(prefix), step):
            part_T = tokens_T[first : first + step]
            places_T = torch.arange(first, first + len(part_T), device=device)
            self.network.read(part_T, places_T, Advance(path, places_T))
            path.used += len(part_T)
        return path

    def _step(self) -> None:
        """Write one token in each row."""
        device = self.network.device
        lengths = [row.own for row in self.rows]
        tokens_T = torch.tensor([row.token for row in self.rows], device=device)
        lengths_T = torch.tensor(lengths, device=device)
        places_T = lengths_T + torch.tensor([row.group.length for row in self.rows], device=device)
        step = Step(self.slots, lengths_T, places_T, max(lengths) + 1, list(self._shared(device)))
        hidden_TD = self.network.read(tokens_T, places_T, step)
        for row in self.rows:
            row.own += 1
        self._draw(hidden_TD, self.rows)

    def _shared(self, device: torch.device) -> Iterator[tuple[Path, Tensor | None]]:
        """Give the paths in use, with the rows that go on from each."""
        groups = {id(row.group): row.group for row in self.rows}
        for key, group in groups.items():
            if group.path is None or not group.length:
                continue
            chosen = [place for place, row in enumerate(self.rows) if id(row.group) == key]
            yield group.path, None if len(groups) == 1 else torch.tensor(chosen, device=device)

    def _draw(self, hidden_TD: Tensor, rows: Sequence[_Row]) -> None:
        """Draw a token for some rows; those that end with it leave."""
        drawings = [self.wanted[row.number].drawing for row in rows]
        tokens, logprobs = draw(self.network.head.logits(hidden_TD), drawings, [row.chance for row in rows])
        for row, token, logprob in zip(list(rows), tokens, logprobs, strict=True):
            one = self.wanted[row.number]
            row.logprob += logprob
            row.token = token
            ended = token in one.drawing.ends
            if not ended:
                row.ids.append(token)
                ended = one.ended is not None and one.ended(row.ids)
            if ended or len(row.ids) >= one.drawing.most:
                self._finish(row, not ended)

    def _finish(self, row: _Row, cut: bool) -> None:
        """Tell of a reply, and give its slot to the last row."""
        place = self.rows.index(row)
        last = self.rows.pop()
        if last is not row:
            self.rows[place] = last
            self.slots.move(len(self.rows), place)
        row.group.writing -= 1
        if not row.group.writing and not row.group.waiting:
            row.group.path = None
        self.written[row.number] = Written(tuple(row.ids), min(row.logprob, 0.0), cut)
        if self.told is not None:
            self.told(row.number, self.written[row.number])
