"""What happens at a barrier, between two passes over the shards: reduce, settle and, for some, once more.

The keyed rows lie in spill files (:mod:`lmloop.core.engine.spill`). Each task reads some neighbouring partitions of
all of them, as many as the memory of one worker allows: what is found must not depend on how many.
"""

import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa

from lmloop.core.engine.blame import blaming
from lmloop.core.engine.marks import Task, forget_files, read_mark, task_digest
from lmloop.core.engine.pool import Pool, Result
from lmloop.core.engine.shards import ROW_BITS, Shard, read_shard
from lmloop.core.engine.spill import (
    RowTable,
    Tables,
    at_a_time,
    in_order,
    partitions,
    read_partitions,
    write_spill,
    write_tables,
)
from lmloop.core.op import Barrier, DoubleBarrier
from lmloop.core.part import build

AGAIN_BYTES = 1 << 10
"""At least so much a barrier keys for one candidate that it looks at again."""

T = TypeVar("T", bound=Task)


class Lost(Exception):
    """An unfinished run lacks a file that its next phase needs."""


@dataclass(frozen=True, slots=True)
class ReduceTask:
    """Some neighbouring parts of a barrier's key space: ``number`` to before ``last`` of ``count``.

    ``spills`` are the files of all shards, ``target`` is where the findings go; ``again`` says that these are about
    candidates.
    """

    number: int
    last: int
    count: int
    size: int
    barrier: Mapping[str, Any]
    spills: tuple[Path, ...]
    target: Path
    again: bool

    @property
    def name(self) -> str:
        """The number of the first partition."""
        return f"{self.number:05d}"


@dataclass(frozen=True, slots=True)
class SettleTask:
    """The one decision of a barrier: what was found in all parts of its key space, and where it goes."""

    size: int
    barrier: Mapping[str, Any]
    found: tuple[Path, ...]
    target: Path
    again: bool
    name: str = "settle"


@dataclass(frozen=True, slots=True)
class AgainTask:
    """One shard's rows to be keyed again, where ``candidates`` are among them, into ``count`` partitions."""

    number: int
    size: int
    barrier: Mapping[str, Any]
    rows: Path
    candidates: Path
    target: Path
    count: int

    @property
    def name(self) -> str:
        """The name of the shard."""
        return f"{self.number:05d}"


def reduce_partitions(task: ReduceTask, *parts: pa.Table) -> Result:
    """Bring together the rows of some parts of the key space and look at them.

    ``parts`` are the rows from each spill file, in order, where they were brought here; else the files are read.
    """
    start = time.process_time()
    barrier = cast(Barrier, build("ops", task.barrier))
    keyed = in_order(parts) if parts else read_partitions(task.spills, task.number, task.last, task.count)
    reading = time.process_time()
    with blaming(f"op {barrier.name()!r}", f"part {task.name} of its keys"):
        found = cast(DoubleBarrier, barrier).reduce_again(keyed) if task.again else barrier.reduce(keyed)
    reducing = time.process_time()
    del keyed
    rows = write_tables(task.target, [found])
    return {**_spent(start, reading, reducing, task.target), "rows": rows}


def settle(task: SettleTask) -> Result:
    """Write what is decided over all that was found."""
    start = time.process_time()
    barrier = cast(Barrier, build("ops", task.barrier))
    found = Tables(task.found)
    with blaming(f"op {barrier.name()!r}", "all that it found"):
        decided = cast(DoubleBarrier, barrier).settle_again(found) if task.again else barrier.settle(found)
        rows = write_tables(task.target, decided)
    return {**_spent(start, start, time.process_time(), task.target), "rows": rows}


def map_again(task: AgainTask) -> Result:
    """Key what it takes to be sure of the candidates of one shard."""
    start = time.process_time()
    barrier = cast(DoubleBarrier, build("ops", task.barrier))
    candidates = RowTable(task.candidates)
    working = 0.0

    def keyed() -> Any:
        nonlocal working
        row = task.number << ROW_BITS
        for batch in read_shard(task.rows):
            began = time.process_time()
            numbers = np.uint64(row) + np.arange(batch.num_rows, dtype=np.uint64)
            mine = candidates.between(row, row + batch.num_rows)
            with blaming(f"op {barrier.name()!r}", task.rows.name):
                table = barrier.map_again(batch, numbers, mine)
            row += batch.num_rows
            working += time.process_time() - began
            yield table

    key_bytes = write_spill(task.target, keyed(), task.count)
    spent = _spent(start, start, start + working, task.target)
    spent["file_seconds"] = spent["seconds"] - working
    return {**spent, "key_bytes": key_bytes}


class Decision:
    """One barrier over all shards, from the spill files of its first pass to the file of its decisions.

    ``folder`` is the barrier's own.
    """

    def __init__(self, barrier: Barrier, folder: Path, shards: Sequence[Shard], pool: Pool) -> None:
        self.barrier, self.folder, self.shards, self.pool = barrier, folder, shards, pool
        self.spec = barrier.spec()
        self.decisions = folder / "decisions.arrow"

    def carry_out(self, mapped: Sequence[Result], count: int) -> list[list[Result]]:
        """Decide; ``mapped`` are the results of the pass that wrote the keys, cut into ``count`` partitions."""
        keys = tuple(self.folder / "keys" / f"{shard.name}.arrow" for shard in self.shards)
        if not (isinstance(self.barrier, DoubleBarrier) and self.barrier.makes_sure()):
            return self._settle("", keys, mapped, count)
        candidates = self.folder / "candidates.arrow"
        results = self._settle("candidates", keys, mapped, count)
        count = self._parts_again(results[-1][0]["rows"])
        mapped, keys = self._again(candidates, count)
        return [*results, mapped, *self._settle("", keys, mapped, count, again=True)]

    def _settle(
        self, stem: str, keys: tuple[Path, ...], mapped: Sequence[Result], count: int, again: bool = False
    ) -> list[list[Result]]:
        name, target = self.barrier.name(), self.folder / f"{stem or 'decisions'}.arrow"
        size, total = (sum(done[what] for done in mapped) for what in ("key_size", "key_bytes"))
        step = at_a_time(count, total, self.pool.share)
        place = self.folder / (f"found-{stem}" if stem else "found")
        place.mkdir(parents=True, exist_ok=True)
        firsts = range(0, count, step)
        tasks = [
            ReduceTask(
                first,
                min(first + step, count),
                count,
                size * step // count,
                self.spec,
                keys,
                place / f"{first:05d}.arrow",
                again,
            )
            for first in firsts
        ]
        done = self.folder / f"{place.name}-done"
        be_sure(done, tasks, lambda task: task.spills)
        reduced = self.pool.shuffle(f"{name}: match", reduce_partitions, tasks, done)
        found = tuple(task.target for task in tasks)
        decision = [SettleTask(sum(result["size"] for result in reduced), self.spec, found, target, again)]
        done = self.folder / f"{target.stem}-done"
        be_sure(done, decision, lambda task: task.found)
        return [reduced, self.pool.each(f"{name}: decide", settle, decision, done)]

    def _parts_again(self, candidates: int) -> int:
        """Guess how much the candidates key from what a row takes on disk."""
        rows, size = (sum(getattr(shard, what) for shard in self.shards) for what in ("rows", "size"))
        return partitions(candidates, candidates * max(AGAIN_BYTES, 4 * size // max(rows, 1)))

    def use_up(self) -> None:
        """Remove the rows and keys, which nobody needs any more; that all is done stays written."""
        for done in self.folder.glob("*done"):
            forget_files(done, self.folder)
        for place in self.folder.iterdir():
            if place.is_dir() and not place.name.endswith("done"):
                shutil.rmtree(place)

    def _again(self, candidates: Path, count: int) -> tuple[list[Result], tuple[Path, ...]]:
        place, done = self.folder / "keys-again", self.folder / "keys-again-done"
        place.mkdir(parents=True, exist_ok=True)
        tasks = [
            AgainTask(shard.number, shard.size, self.spec, shard.path, candidates, place / f"{shard.name}.arrow", count)
            for shard in self.shards
        ]
        be_sure(done, tasks, lambda task: (task.rows, task.candidates))
        mapped = self.pool.each(f"{self.barrier.name()}: look again", map_again, tasks, done)
        return mapped, tuple(task.target for task in tasks)


def be_sure(done: Path, tasks: Sequence[T], needs: Callable[[T], Collection[Any]]) -> None:
    """See that what the open tasks read, which earlier phases made, is still there.

    Raises:
        Lost: it is not.
    """
    for task in tasks:
        lost = next((path for path in needs(task) if not path.exists()), None)
        if lost is not None and read_mark(done, task, task_digest(done, task)) is None:
            raise Lost(f"{lost.parent.name}/{lost.name}")


def _spent(start: float, reading: float, working: float, target: Path) -> Result:
    end = time.process_time()
    seconds = {"op_seconds": working - reading, "file_seconds": reading - start + end - working, "seconds": end - start}
    size = target.stat().st_size
    return {"files": [target], "ops": [], "size": size, "key_size": size, **seconds}
