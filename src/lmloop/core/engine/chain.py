"""A chain of ops over the shards of a corpus: segments of ops with barriers between them.

For ``[A, B, dedup, C]`` the phases are: A and B over every shard, keying the rows for dedup on the way
(map); each part of the key space by itself (reduce); one decision over all that was found (settle); and
the decisions with C over every shard again. Each phase is a list of tasks for the pool, so each can be
killed and gone on with, and no result depends on the number of workers.
"""

import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import pyarrow as pa

from lmloop.core.card import WORK
from lmloop.core.engine.blame import blaming
from lmloop.core.engine.marks import Task, forget_files, read_mark, task_digest
from lmloop.core.engine.pool import Pool, Result
from lmloop.core.engine.segment import OpTally, SegmentTask, run_segment
from lmloop.core.engine.shards import DATA, DROPPED, Shard, list_shards, prune
from lmloop.core.engine.spill import in_order, partitions, read_parts, read_table, write_table
from lmloop.core.op import Barrier, Op
from lmloop.core.part import build

SECONDS = ("op_seconds", "file_seconds", "seconds")

T = TypeVar("T", bound=Task)


@dataclass(frozen=True, slots=True)
class ReduceTask:
    """One part of a barrier's key space: the spill files of all shards, and where the findings go."""

    number: int
    size: int
    barrier: Mapping[str, Any]
    spills: tuple[Path, ...]
    target: Path

    @property
    def name(self) -> str:
        """The number of the partition."""
        return f"{self.number:05d}"


@dataclass(frozen=True, slots=True)
class SettleTask:
    """The one decision of a barrier: what was found in all parts of its key space, and where it goes."""

    size: int
    barrier: Mapping[str, Any]
    found: tuple[Path, ...]
    target: Path
    name: str = "settle"


def reduce_partition(task: ReduceTask, *parts: pa.RecordBatch) -> Result:
    """Bring together the rows of one part of the key space and look at them.

    ``parts`` are the rows from each spill file, in order, where they were brought here; else the files are read.
    """
    start = time.process_time()
    barrier = cast(Barrier, build("ops", task.barrier))
    keyed = in_order(parts or read_parts(task.spills, task.number))
    reading = time.process_time()
    with blaming(f"op {barrier.name()!r}", f"part {task.name} of its keys"):
        found = barrier.reduce(keyed)
    reducing = time.process_time()
    write_table(task.target, found)
    return _spent(start, reading, reducing, task.target)


def settle(task: SettleTask) -> Result:
    """Write what is decided over all that was found."""
    start = time.process_time()
    barrier = cast(Barrier, build("ops", task.barrier))
    found = pa.concat_tables(read_table(path) for path in task.found)
    reading = time.process_time()
    with blaming(f"op {barrier.name()!r}", "all that it found"):
        decisions = barrier.settle(found)
    settling = time.process_time()
    write_table(task.target, decisions)
    return _spent(start, reading, settling, task.target)


def _spent(start: float, reading: float, working: float, target: Path) -> Result:
    end = time.process_time()
    seconds = {"op_seconds": working - reading, "file_seconds": reading - start + end - working, "seconds": end - start}
    return {"files": [target], "ops": [], "size": target.stat().st_size, **seconds}


@dataclass(frozen=True, slots=True)
class Totals:
    """What a chain did: a tally an op, in order, and CPU seconds: of the ops' work, of files, and of everything."""

    ops: tuple[OpTally, ...]
    op_seconds: float
    file_seconds: float
    seconds: float


class _Lost(Exception):
    """An unfinished run lacks a file that its next phase needs."""


def run_chain(ops: Sequence[Op], inputs: Sequence[Path], out: Path, pool: Pool, samples: int = 20) -> Totals:
    """Run ops over the shards of some record artifacts into ``out/data`` and ``out/dropped``.

    ``samples`` dropped texts are kept for each shard, op and reason (-1: all). What an interrupted run left
    in ``out/work`` is gone on with.
    """
    try:
        return _run_chain(ops, inputs, out, pool, samples)
    except _Lost as lost:
        pool.progress.say(f"  {lost} of the unfinished run is gone: its step begins again")
        shutil.rmtree(out / WORK)
        return _run_chain(ops, inputs, out, pool, samples)


def _run_chain(ops: Sequence[Op], inputs: Sequence[Path], out: Path, pool: Pool, samples: int) -> Totals:
    shards = list_shards(inputs)
    segments, barriers = split(ops)
    results: list[list[Result]] = []
    kept: set[str] = set()
    before: tuple[Barrier, Path] | None = None
    for number, segment in enumerate(segments):
        after = barriers[number] if number < len(barriers) else None
        phase = _Phase(out, number, shards, before, after)
        tasks = phase.tasks(segment, samples)
        kept.update(path.name for task in tasks for path in (task.target, task.dropped))
        if before is not None:
            _be_sure(phase.done, tasks, lambda task: [task.source, *(task.before or ())[1:]])
        results.append(pool.each(_label(segment, before), run_segment, tasks, phase.done))
        if before is not None:
            _use_up(before[1].parent)
        if after is not None:
            shards = phase.results(results[-1])
            results += phase.settle(after, pool, results[-1])
            before = (after, phase.decisions)
    for folder in (DATA, DROPPED):
        prune(out / folder, kept)
    return _total(results)


class _Phase:
    """One segment over all shards, and the barrier behind it. Everything it writes has a fixed place."""

    def __init__(
        self,
        out: Path,
        number: int,
        shards: Sequence[Shard],
        before: tuple[Barrier, Path] | None,
        after: Barrier | None,
    ) -> None:
        self.out, self.number, self.shards, self.before = out, number, shards, before
        self.after = after
        self.folder = out / WORK / str(number)
        self.done = self.folder / "done"
        self.decisions = self.folder / "decisions.arrow"
        rows = sum(shard.rows for shard in shards)
        self.partitions = partitions(rows, after.spill_bytes) if after else 0
        for name in ("rows", "keys", "found"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (out / DROPPED).mkdir(exist_ok=True)

    def tasks(self, ops: Sequence[Op], samples: int) -> list[SegmentTask]:
        """Give the task of each shard."""
        specs = tuple(op.spec() for op in ops)
        before = (self.before[0].spec(), self.before[1]) if self.before else None
        return [
            SegmentTask(
                number=shard.number,
                size=shard.size,
                source=shard.path,
                target=self._target(shard),
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
        pairs = zip(self.shards, results, strict=True)
        return [Shard(shard.number, self._target(shard), done["rows"], done["size"]) for shard, done in pairs]

    def settle(self, barrier: Barrier, pool: Pool, mapped: Sequence[Result]) -> list[list[Result]]:
        """Reduce every partition, and write what is decided over all that was found."""
        spec, spills = barrier.spec(), tuple(self._keys(shard) for shard in self.shards)
        size = sum(done["key_size"] for done in mapped) // self.partitions
        found = tuple(self.folder / "found" / f"{n:05d}.arrow" for n in range(self.partitions))
        tasks = [ReduceTask(n, size, spec, spills, target) for n, target in enumerate(found)]
        _be_sure(self.folder / "reduced", tasks, lambda task: task.spills)
        reduced = pool.shuffle(f"{barrier.name()}: match", reduce_partition, tasks, self.folder / "reduced")
        decision = [SettleTask(sum(done["size"] for done in reduced), spec, found, self.decisions)]
        _be_sure(self.folder / "settled", decision, lambda task: task.found)
        settled = pool.each(f"{barrier.name()}: decide", settle, decision, self.folder / "settled")
        return [reduced, settled]

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


def _label(ops: Sequence[Op], before: tuple[Barrier, Path] | None) -> str:
    names = [before[0].name()] if before else []
    return ", ".join([*names, *(op.name() for op in ops)]) or "read"


def _be_sure(done: Path, tasks: Sequence[T], needs: Callable[[T], Collection[Any]]) -> None:
    """See that what the open tasks read, which earlier phases made, is still there."""
    for task in tasks:
        lost = next((path for path in needs(task) if not path.exists()), None)
        if lost is not None and read_mark(done, task, task_digest(done, task)) is None:
            raise _Lost(f"{lost.parent.name}/{lost.name}")


def _use_up(phase: Path) -> None:
    """Remove the rows of a phase that is used up; that it is done stays written."""
    for name in ("done", "reduced"):
        forget_files(phase / name, phase)
    for name in ("rows", "keys", "found"):
        shutil.rmtree(phase / name, ignore_errors=True)


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
