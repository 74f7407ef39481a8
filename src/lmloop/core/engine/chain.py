"""A chain of ops over the shards of a corpus: segments of ops with barriers between them.

For ``[A, B, dedup, C]`` the phases are: A and B over every shard, keying the rows for dedup on the way
(map); each part of the key space by itself (reduce); one decision over all that was found (settle; all of it
in :mod:`lmloop.core.engine.decide`); and the decisions with C over every shard again. Each phase is a list of
tasks for the pool, so each can be killed and gone on with, and no result depends on the number of workers.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmloop.core.card import WORK
from lmloop.core.engine.decide import Decision, Lost, be_sure
from lmloop.core.engine.pool import Pool, Result
from lmloop.core.engine.segment import OpTally, SegmentTask, run_segment
from lmloop.core.engine.shards import DATA, DROPPED, Shard, list_shards, prune
from lmloop.core.engine.spill import partitions
from lmloop.core.op import Barrier, Op

SECONDS = ("op_seconds", "file_seconds", "seconds")


@dataclass(frozen=True, slots=True)
class Totals:
    """What a chain did: a tally an op, in order, and CPU seconds: of the ops' work, of files, and of everything."""

    ops: tuple[OpTally, ...]
    op_seconds: float
    file_seconds: float
    seconds: float


def run_chain(ops: Sequence[Op], inputs: Sequence[Path], out: Path, pool: Pool, samples: int = 20) -> Totals:
    """Run ops over the shards of some record artifacts into ``out/data`` and ``out/dropped``.

    ``samples`` dropped texts are kept for each shard, op and reason (-1: all). What an interrupted run left
    in ``out/work`` is gone on with.
    """
    try:
        return _run_chain(ops, inputs, out, pool, samples)
    except Lost as lost:
        pool.progress.say(f"  {lost} of the unfinished run is gone: its step begins again")
        shutil.rmtree(out / WORK)
        return _run_chain(ops, inputs, out, pool, samples)


def _run_chain(ops: Sequence[Op], inputs: Sequence[Path], out: Path, pool: Pool, samples: int) -> Totals:
    shards = list_shards(inputs)
    segments, barriers = split(ops)
    results: list[list[Result]] = []
    kept: set[str] = set()
    before: Decision | None = None
    for number, segment in enumerate(segments):
        after = barriers[number] if number < len(barriers) else None
        phase = _Phase(out, number, shards, (before, after), changes=bool(segment))
        tasks = phase.tasks(segment, samples)
        kept.update(path.name for task in tasks for path in (task.target, task.dropped) if path)
        if before is not None:
            be_sure(phase.done, tasks, lambda task: [task.source, *(task.before or ())[1:]])
        results.append(pool.each(_label(segment, before), run_segment, tasks, phase.done))
        if before is not None:
            before.use_up()
        if after is not None:
            shards = phase.results(results[-1])
            before = Decision(after, phase.folder, shards, pool)
            results += before.carry_out(results[-1], phase.partitions)
    for folder in (DATA, DROPPED):
        prune(out / folder, kept)
    return _total(results)


class _Phase:
    """One segment over all shards, and the barrier behind it. Everything it writes has a fixed place.

    Rows that nothing ``changes`` on their way to a barrier are not written again: they are read where they lie.
    """

    def __init__(
        self,
        out: Path,
        number: int,
        shards: Sequence[Shard],
        between: tuple[Decision | None, Barrier | None],
        changes: bool,
    ) -> None:
        self.out, self.number, self.shards = out, number, shards
        self.before, self.after = between
        self.writes = changes or self.before is not None or self.after is None
        self.folder = out / WORK / str(number)
        self.done = self.folder / "done"
        self.partitions = partitions(sum(shard.rows for shard in shards), sum(shard.size for shard in shards))
        for name in ("rows", "keys"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (out / DROPPED).mkdir(exist_ok=True)

    def tasks(self, ops: Sequence[Op], samples: int) -> list[SegmentTask]:
        """Give the task of each shard."""
        specs = tuple(op.spec() for op in ops)
        before = (self.before.spec, self.before.decisions) if self.before else None
        return [
            SegmentTask(
                number=shard.number,
                size=shard.size,
                source=shard.path,
                target=self._target(shard) if self.writes else None,
                dropped=self.out / DROPPED / f"{self.number}-{shard.name}.parquet",
                ops=specs,
                before=before,
                after=(self.after.spec(), self._keys(shard), self.partitions) if self.after else None,
                samples=samples,
            )
            for shard in self.shards
        ]

    def results(self, results: Sequence[Result]) -> list[Shard]:
        """Give the shards that this phase wrote, for the next one."""
        if not self.writes:
            return list(self.shards)
        pairs = zip(self.shards, results, strict=True)
        return [Shard(shard.number, self._target(shard), done["rows"], done["size"]) for shard, done in pairs]

    def _target(self, shard: Shard) -> Path:
        if self.after is None:
            return self.out / DATA / f"{shard.name}.parquet"
        return self.folder / "rows" / f"{shard.name}.arrow"

    def _keys(self, shard: Shard) -> Path:
        return self.folder / "keys" / f"{shard.name}.arrow"


def split(ops: Sequence[Op]) -> tuple[list[list[Op]], list[Barrier]]:
    """Cut a chain at its barriers."""
    segments: list[list[Op]] = [[]]
    barriers: list[Barrier] = []
    for op in ops:
        if isinstance(op, Barrier):
            barriers.append(op)
            segments.append([])
        else:
            segments[-1].append(op)
    return segments, barriers


def _label(ops: Sequence[Op], before: Decision | None) -> str:
    names = [before.barrier.name()] if before else []
    return ", ".join([*names, *(op.name() for op in ops)]) or "read"


def _total(results: Sequence[Sequence[Result]]) -> Totals:
    tallies: list[OpTally] = []
    seconds = [0.0] * len(SECONDS)
    for phase in results:
        sums: list[OpTally] = []
        for done in phase:
            sums = sums or [OpTally(row["op"]) for row in done["ops"]]
            for total, row in zip(sums, done["ops"], strict=True):
                _add(total, row)
            seconds = [total + done[name] for total, name in zip(seconds, SECONDS, strict=True)]
        tallies += sums
    return Totals(tuple(tallies), *seconds)


def _add(total: OpTally, row: Mapping[str, Any]) -> None:
    for name in ("rows_in", "rows_out", "bytes_in", "bytes_out", "seconds"):
        setattr(total, name, getattr(total, name) + row[name])
    total.drops.update(row["drops"])
