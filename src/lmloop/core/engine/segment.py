"""A segment: the ops between two barriers, run over one shard by one worker."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from json import dumps, loads
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lmloop.core.batch import SCHEMA, Batch
from lmloop.core.engine.blame import blaming
from lmloop.core.engine.marks import Result
from lmloop.core.engine.shards import ROW_BITS, ShardWriter, read_shard
from lmloop.core.engine.spill import RowTable, write_spill
from lmloop.core.op import DROP_OP, DROP_REASON, Barrier, Op, divide, text_bytes
from lmloop.core.part import build


@dataclass(frozen=True, slots=True)
class SegmentTask:
    """One shard's way through one segment.

    ``ops`` are specs; ``before`` is the spec of the barrier that was settled and the file of its decisions;
    ``after`` the spec of the barrier that comes next, the file for its keyed rows, and the number of parts
    to cut them into. ``samples`` is how many dropped texts are kept for each op and reason (-1: all). Where there is no
    ``target``, rows are only keyed: nothing changes them.
    """

    number: int
    size: int
    source: Path
    target: Path | None
    dropped: Path
    ops: tuple[Mapping[str, Any], ...]
    before: tuple[Mapping[str, Any], Path] | None = None
    after: tuple[Mapping[str, Any], Path, int] | None = None
    samples: int = 20

    @property
    def name(self) -> str:
        """The name of the shard."""
        return f"{self.number:05d}"


@dataclass(slots=True)
class OpTally:
    """What one op did to one shard."""

    op: str
    rows_in: int = 0
    rows_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0
    drops: Counter[str] = field(default_factory=Counter)


def run_segment(task: SegmentTask) -> Result:
    """Take a shard through its segment; give the tally of each op and the CPU seconds spent in all."""
    return _Segment(task).run()


class _Segment:
    def __init__(self, task: SegmentTask) -> None:
        self.task = task
        self.ops = [_build(dumps(spec)) for spec in task.ops]
        self.before = cast(Barrier, _build(dumps(task.before[0]))) if task.before else None
        self.after = cast(Barrier, _build(dumps(task.after[0]))) if task.after else None
        first = [OpTally(self.before.name())] if self.before else []
        self.tallies = [*first, *(OpTally(op.name()) for op in self.ops)]
        self.kept_texts: Counter[tuple[str, str]] = Counter()
        self.map_seconds = self.file_seconds = 0.0

    def run(self) -> Result:
        start = time.process_time()
        keyed: list[pa.Table] = []
        dropped: list[pa.Table] = []
        rows, target = 0, self.task.target
        with ShardWriter(target) if target else nullcontext() as kept:
            for batch in self._stream(dropped):
                if self.after is not None:
                    keyed.append(self._map(self.after, batch, rows))
                rows += batch.num_rows
                with self._files():
                    if kept is not None:
                        kept.write(batch)
            with self._files():
                if kept is not None:
                    kept.flush()
        with self._files():
            key_bytes = write_spill(self.task.after[1], keyed, self.task.after[2]) if self.task.after else 0
            _write_dropped(self.task.dropped, dropped)
        keys = self.task.after[1] if self.task.after else None
        return {
            "files": [path for path in (target, self.task.dropped, keys) if path],
            "ops": [_plain(tally) for tally in self.tallies],
            "rows": rows,
            "size": (target or self.task.source).stat().st_size,
            "key_size": keys.stat().st_size if keys else 0,
            "key_bytes": key_bytes,
            "op_seconds": self.map_seconds + sum(tally.seconds for tally in self.tallies),
            "file_seconds": self.file_seconds,
            "seconds": time.process_time() - start,
        }

    def _stream(self, dropped: list[pa.Table]) -> Iterator[Batch]:
        row = 0
        decisions = RowTable(self.task.before[1]) if self.task.before else None
        for whole in self._read():
            batch, tallies = whole, iter(self.tallies)
            if self.before is not None:
                assert decisions is not None
                numbers = self._numbers(row, batch.num_rows)
                mine = decisions.between(self._first(row), self._first(row + batch.num_rows))
                row += batch.num_rows
                batch = self._judge(self.before, batch, (numbers, mine), next(tallies), dropped)
            for op, tally in zip(self.ops, tallies, strict=True):
                batch = self._apply(op, batch, tally, dropped)
            yield batch

    def _read(self) -> Iterator[Batch]:
        batches = read_shard(self.task.source)
        while True:
            with self._files():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    @contextmanager
    def _files(self) -> Iterator[None]:
        start = time.process_time()
        yield
        self.file_seconds += time.process_time() - start

    def _judge(
        self,
        barrier: Barrier,
        batch: Batch,
        decided: tuple[npt.NDArray[np.uint64], pa.Table],
        tally: OpTally,
        dropped: list[pa.Table],
    ) -> Batch:
        start = time.process_time()
        with self._blaming(barrier):
            outcome = divide(batch, barrier.judge(batch, *decided), barrier)
        self._count(tally, batch, outcome.batch, time.process_time() - start)
        self._drop(outcome.dropped, tally, dropped)
        return outcome.batch

    def _apply(self, op: Op, batch: Batch, tally: OpTally, dropped: list[pa.Table]) -> Batch:
        start = time.process_time()
        with self._blaming(op):
            outcome = op.apply(batch)
        self._count(tally, batch, outcome.batch, time.process_time() - start)
        self._drop(outcome.dropped, tally, dropped)
        return outcome.batch

    def _map(self, barrier: Barrier, batch: Batch, row: int) -> pa.Table:
        start = time.process_time()
        with self._blaming(barrier):
            table = barrier.map(batch, self._numbers(row, batch.num_rows))
        self.map_seconds += time.process_time() - start
        return table

    def _blaming(self, op: Op) -> AbstractContextManager[None]:
        return blaming(f"op {op.name()!r}", self.task.source.name)

    def _drop(self, rows: Batch, tally: OpTally, dropped: list[pa.Table]) -> None:
        if not rows.num_rows:
            return
        reasons = rows.column(DROP_REASON).to_pylist()
        tally.drops.update(reasons)
        if self.task.samples >= 0:
            rows = self._sample(rows, tally.op, reasons)
        dropped.append(pa.Table.from_batches([rows]))

    def _sample(self, rows: Batch, op: str, reasons: list[str]) -> Batch:
        """Keep the text of the first few rows of each reason; the others keep their id and statistics."""
        keep = []
        for reason in reasons:
            self.kept_texts[op, reason] += 1
            keep.append(self.kept_texts[op, reason] <= self.task.samples)
        texts = [text if kept else None for text, kept in zip(rows.column("text").to_pylist(), keep, strict=True)]
        return rows.set_column(rows.schema.get_field_index("text"), SCHEMA.field("text"), pa.array(texts, pa.string()))

    def _numbers(self, row: int, count: int) -> npt.NDArray[np.uint64]:
        return np.uint64(self._first(row)) + np.arange(count, dtype=np.uint64)

    def _first(self, row: int) -> int:
        return (self.task.number << ROW_BITS) + row

    @staticmethod
    def _count(tally: OpTally, before: Batch, after: Batch, seconds: float) -> None:
        tally.rows_in += before.num_rows
        tally.rows_out += after.num_rows
        tally.bytes_in += text_bytes(before)
        tally.bytes_out += text_bytes(after)
        tally.seconds += seconds


@lru_cache(maxsize=256)
def _build(spec: str) -> Op:
    return cast(Op, build("ops", loads(spec)))


def _write_dropped(path: Path, dropped: list[pa.Table]) -> None:
    empty = pa.schema([*SCHEMA, (DROP_OP, pa.string()), (DROP_REASON, pa.string())]).empty_table()
    # each op's rows have the statistics known by then: the others are null
    table = pa.concat_tables([empty, *dropped], promote_options="default").combine_chunks()
    with ShardWriter(path) as out:
        for batch in table.to_batches() or [pa.RecordBatch.from_pylist([], table.schema)]:
            out.write(batch)


def _plain(tally: OpTally) -> dict[str, Any]:
    return {name: getattr(tally, name) for name in OpTally.__slots__}
