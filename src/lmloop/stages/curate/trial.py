"""Ops tried on a sample: what each drops by itself, in the chain, and what the chain would keep without it."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from lmloop.core.batch import Batch
from lmloop.core.engine.blame import blaming
from lmloop.core.op import Barrier, Op, Outcome, text_bytes

WARMING = 16
"""So many rows go through an op before it is timed: kernels are compiled and models loaded by then."""

SHORTEST = 0.05
"""An op is timed over so many seconds of work at least, where it is fast over several times."""

MOST_TIMES = 5

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tried:
    """One op of a chain on the sample's rows.

    ``alone`` marks the rows [rows] that it drops when it is given the rows as they were read, and ``outcome`` is what
    it made of them; ``reasons`` counts why. ``chain_in`` and ``chain_dropped`` are what it was given and dropped at its
    place in the chain, and ``kept_without`` how many rows the chain would keep if this op were left out.
    """

    op: Op
    alone: Bools
    outcome: Outcome
    reasons: Counter[str]
    seconds: float
    chain_in: int
    chain_dropped: int
    kept_without: int

    @property
    def sees_all(self) -> bool:
        """Whether its verdict on a row hangs on all others: on a sample it finds less than on the whole."""
        return isinstance(self.op, Barrier)


@dataclass(frozen=True)
class Trial:
    """A chain of ops on a sample."""

    batch: Batch
    tried: tuple[Tried, ...]
    kept: int

    @cached_property
    def text_bytes(self) -> int:
        """How much text the sample holds."""
        return text_bytes(self.batch)

    def only(self, place: int) -> int:
        """Count the rows that one op drops by itself, and no other op does."""
        others = [np.zeros(self.batch.num_rows, np.bool_)]
        others += [tried.alone for k, tried in enumerate(self.tried) if k != place]
        return int((self.tried[place].alone & ~np.logical_or.reduce(others)).sum())

    def both(self, one: int, other: int) -> int:
        """Count the rows that each of two ops drops by itself."""
        return int((self.tried[one].alone & self.tried[other].alone).sum())

    @property
    def seconds(self) -> float:
        """How long all ops took on the sample."""
        return sum(tried.seconds for tried in self.tried)


def try_ops(ops: Sequence[Op], batch: Batch) -> Trial:
    """Try ops on rows: each by itself on the same rows, all in a row, and all but each."""
    steps = [batch]
    dropped = []
    for op in ops:
        outcome = _apply(op, steps[-1])
        steps.append(outcome.batch)
        dropped.append(outcome.dropped.num_rows)
    tried = []
    for place, op in enumerate(ops):
        alone, seconds = _timed(op, batch)
        tried.append(
            Tried(
                op,
                pc.is_in(batch.column("id"), alone.dropped.column("id")).to_numpy(zero_copy_only=False),
                alone,
                alone.reasons,
                seconds,
                steps[place].num_rows,
                dropped[place],
                _kept(ops[place + 1 :], steps[place]),
            )
        )
    return Trial(batch, tuple(tried), steps[-1].num_rows)


def _kept(ops: Sequence[Op], batch: Batch) -> int:
    for op in ops:
        batch = _apply(op, batch).batch
    return int(batch.num_rows)


def _timed(op: Op, batch: Batch) -> tuple[Outcome, float]:
    """Apply an op to rows and give the CPU seconds that one pass takes."""
    _apply(op, batch.slice(0, WARMING))
    times, start, seconds = 0, time.process_time(), 0.0
    while seconds < SHORTEST and times < MOST_TIMES:
        outcome = _apply(op, batch)
        times, seconds = times + 1, time.process_time() - start
    return outcome, seconds / times


def _apply(op: Op, batch: Batch) -> Outcome:
    with blaming(f"op {op.name()!r}", "the sample"):
        return op.apply(batch)
