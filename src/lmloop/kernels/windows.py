"""Windows over packed tokens: rows to train on, at random and yet each once in an epoch, and rows to measure with.

A window is T + 1 tokens, and windows overlap by one token, so that every token is a target once an epoch; the last
one reaches back, and counts only what is new. So nothing is lost, and nothing padded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lmloop.core.rows import IGNORED, Held, Rows
from lmloop.kernels.order import Mixture, Places, shuffled
from lmloop.kernels.packed import Index, Stream, streams

Line = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]
"""A window as it was read: T + 1 tokens, where documents begin in it, how many of its targets were counted before."""


@dataclass(frozen=True)
class Windows:
    """The windows of one source, each with a number."""

    stream: Stream
    context: int

    @property
    def count(self) -> int:
        """How many there are: the rows of an epoch."""
        return max(1, -(-(self.stream.tokens - 1) // self.context))

    def read(self, number: int) -> Line:
        """Read a window."""
        size = self.stream.tokens
        wanted = number * self.context
        start = max(0, min(wanted, size - self.context - 1))
        tokens, begins = self.stream.read(start, min(start + self.context + 1, size))
        return tokens, begins, wanted - start


@dataclass(frozen=True)
class Mixed:
    """Rows from several sources: ``batch(step)`` is a pure function of the seed and the step.

    ``start`` says how many rows of each source an earlier training has read: this one goes on behind them.
    """

    windows: Mapping[str, Windows]
    mixture: Mixture
    seed: int
    start: Mapping[str, int]

    def batch(self, step: int) -> Rows:
        """Give the rows of a step, those of one source behind those of another."""
        before, behind = self.mixture.before(step), self.mixture.before(step + 1)
        lines: list[Line] = []
        for place, source in enumerate(self.mixture.sources):
            first = self.start.get(source, 0)
            rows = np.arange(before[place], behind[place], dtype=np.int64) + first
            lines += [self.windows[source].read(number) for number in self.numbers(source, rows).tolist()]
        return as_rows(lines, next(iter(self.windows.values())).context)

    def numbers(self, source: str, rows: Places) -> Places:
        """Say which windows the rows of a source are: each epoch is a permutation of its own."""
        count = self.windows[source].count
        found = np.empty_like(rows)
        for epoch in np.unique(rows // count):
            those = rows // count == epoch
            found[those] = shuffled(rows[those] % count, count, f"{self.seed}/{source}/{epoch}")
        return found

    def taken(self, step: int) -> dict[str, int]:
        """Say how many rows of each source were read before a step, an earlier training's among them."""
        counts = zip(self.mixture.sources, self.mixture.before(step).tolist(), strict=True)
        return {source: count + self.start.get(source, 0) for source, count in counts}


def evenly(folder: Path, context: int, batch: int, steps: int, seed: int) -> tuple[Mixed, int]:
    """Give steps of about ``batch`` packed tokens, from each source in proportion to its tokens; and the vocabulary."""
    index = Index.read(folder)
    windows = {name: Windows(stream, context) for name, stream in streams(folder, index).items()}
    weights = {name: [(0.0, float(source.stream.tokens))] for name, source in windows.items()}
    return Mixed(windows, Mixture(weights, max(1, batch // context), steps), seed, {}), index.vocabulary


def as_rows(lines: list[Line], context: int) -> Rows:
    """Make rows of windows. Where a whole source is shorter than a window, the rest has targets that do not count."""
    shape = (len(lines), context)
    tokens, targets = np.zeros(shape, np.int64), np.full(shape, IGNORED, np.int64)
    positions, documents = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, (ids, begins, counted) in enumerate(lines):
        size = min(len(ids), context)
        tokens[row, :size] = ids[:size]
        follow = ids[1 : size + 1]
        targets[row, : len(follow)] = follow
        # the first token of a document does not follow from the one before
        targets[row, begins[begins <= len(follow)] - 1] = IGNORED
        targets[row, :counted] = IGNORED
        inside = begins[begins < context]
        documents[row, inside] = 1
        documents[row] = np.cumsum(documents[row])
        positions[row] = np.arange(context) - np.concatenate(([0], inside))[documents[row]]
    return Rows(tokens, targets, positions, documents)


@dataclass(frozen=True)
class Measured:
    """Held-out documents of one source, so many that they hold about ``tokens`` tokens, spread over all of it."""

    stream: Stream
    context: int
    tokens: int

    def held(self, rows: int) -> Held:
        """Give them as rows, so many at a time."""
        documents = self._chosen
        parts = [self.stream.read(start, stop)[0] for start, stop, _ in documents]
        ids = np.concatenate(parts)
        begins = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
        lines: list[Line] = []
        for number in range(max(1, -(-(len(ids) - 1) // self.context))):
            wanted = number * self.context
            start = max(0, min(wanted, len(ids) - self.context - 1))
            stop = start + self.context + 1
            inside = begins[(begins > start) & (begins < min(stop, len(ids)))] - start
            lines.append((ids[start:stop], inside, wanted - start))
        batches = [as_rows(lines[first : first + rows], self.context) for first in range(0, len(lines), rows)]
        return Held(tuple(batches), sum(size for *_, size in documents))

    @cached_property
    def _chosen(self) -> list[Any]:
        documents = self.stream.documents()
        stride = max(1, self.stream.tokens // max(1, self.tokens))
        return documents[::stride]
