"""Rows of examples: packed side by side, or each in a row of its own; which row comes when is a function of the step.

Shape letters: B rows, T places of a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lmloop.core.rows import IGNORED, NOBODY, Held, Rows
from lmloop.kernels.examples import Examples, Integers
from lmloop.kernels.filling import fill
from lmloop.kernels.order import shuffled

UNIT = 8
"""Rows that are not packed are as long as their longest text, rounded up to this: few lengths are few shapes."""


@dataclass(frozen=True)
class Filled:
    """The rows of a training, each a list of examples.

    ``weights`` say how often a task's examples are read in an epoch; those of a fraction are others in the next one.
    ``group`` examples that follow each other belong together and stand in rows one behind the other.
    """

    examples: Examples
    context: int
    weights: Sequence[float]
    epochs: float
    seed: int
    group: int = 1
    packed: bool = True

    @cached_property
    def rows(self) -> list[Integers]:
        """All rows of all epochs, in order."""
        return [row for epoch in range(int(np.ceil(self.epochs))) for row in self._epoch(epoch)]

    def _epoch(self, epoch: int) -> list[Integers]:
        share = min(1.0, self.epochs - epoch)
        drawn = np.concatenate([self._drawn(task, epoch, share) for task in range(len(self.weights))])
        if self.packed:
            rows = [drawn[places] for places in fill(self.examples.places[drawn], self.context)]
        else:
            rows = [np.arange(first, first + self.group) for first in (drawn * self.group).tolist()]
        order = shuffled(np.arange(len(rows)), len(rows), f"{self.seed}/rows/{epoch}")
        if self.packed:
            return [rows[place] for place in order.tolist()]
        return [np.array([each]) for place in order.tolist() for each in rows[place]]

    def _drawn(self, task: int, epoch: int, share: float) -> Integers:
        """Draw a task's groups: every one once, before any comes again."""
        known = np.flatnonzero(self.examples.tasks[:: self.group] == task)
        each = round(len(known) * self.weights[task])
        places = np.arange(each * epoch, each * epoch + round(each * share), dtype=np.int64)
        found = np.empty_like(places)
        for turn in np.unique(places // max(len(known), 1)):
            those = places // len(known) == turn
            found[those] = shuffled(places[those] % len(known), len(known), f"{self.seed}/{task}/{turn}")
        return known[found]


@dataclass(frozen=True)
class ExampleBatches:
    """Batches of so many rows: ``batch(step)`` is a pure function.

    The last step of packed rows has what is left, and empty rows; where rows belong together the first ones come again.
    """

    filled: Filled
    rows: int

    @property
    def steps(self) -> int:
        """How many steps read every row once."""
        return -(-len(self.filled.rows) // self.rows)

    def batch(self, step: int) -> Rows:
        """Give the rows of a step; behind the last one it begins anew."""
        first = step % self.steps * self.rows
        chosen = self.filled.rows[first : first + self.rows]
        while len(chosen) < self.rows:
            short = self.rows - len(chosen)
            chosen = chosen + ([np.empty(0, np.int64)] * short if self.filled.packed else self.filled.rows[:short])
        return self.made(chosen)

    def made(self, chosen: Sequence[Integers]) -> Rows:
        """Make rows of lists of examples."""
        examples = self.filled.examples
        longest = max((int(examples.places[row].sum()) for row in chosen), default=1)
        room = self.filled.context if self.filled.packed else -(-max(longest, 1) // UNIT) * UNIT
        rows = as_rows(examples, chosen, room)
        if self.filled.group > 1:
            leads = np.arange(len(chosen)) % self.filled.group == 0
            good = np.array([examples.good[row].all() for row in chosen], np.int64)
            return replace(rows, beside={**rows.beside, "units": leads.astype(np.int64), "good": good})
        return rows

    def held(self, size: int) -> Held:
        """Give all rows, so many at a time, to measure with."""
        chosen = self.filled.rows
        parts = tuple(self.made(chosen[first : first + size]) for first in range(0, len(chosen), size))
        return Held(parts, int(self.filled.examples.sizes[np.concatenate(chosen)].sum()) if chosen else 0)


def as_rows(examples: Examples, chosen: Sequence[Integers], room: int) -> Rows:
    """Put examples into rows of ``room`` places; ``beside`` has the task of each place."""
    shape = (len(chosen), room)
    tokens, positions, tasks = (np.zeros(shape, np.int64) for _ in range(3))
    targets, documents = np.full(shape, IGNORED, np.int64), np.full(shape, NOBODY, np.int64)
    for row, numbers in enumerate(chosen):
        start = 0
        for document, number in enumerate(numbers.tolist()):
            read, learnt = examples.read(number)
            ids = read.astype(np.int64)
            stop = start + len(ids) - 1
            tokens[row, start:stop] = ids[:-1]
            targets[row, start:stop] = np.where(learnt[1:], ids[1:], IGNORED)
            positions[row, start:stop] = np.arange(stop - start)
            documents[row, start:stop] = document
            tasks[row, start:stop] = examples.tasks[number]
            start = stop
    return Rows(tokens, targets, positions, documents, {"tasks": tasks})
