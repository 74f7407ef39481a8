"""The battery for operators."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import SCHEMA, STATS, Batch
from lmloop.core.op import (
    DROP_OP,
    DROP_REASON,
    KEY_ORDER,
    Barrier,
    DoubleBarrier,
    Filter,
    Map,
    Op,
    Outcome,
    Split,
    Verdict,
    divide,
)
from lmloop.core.part import build
from lmloop.testing.parts import blaming, check_part
from lmloop.testing.samples import as_arrow, record_columns, same, same_values, sample_batch

CUTS = ((1,), (7,), (1, 2, 3), (13, 14, 29))
"""Where the rows are cut into batches; every cut must give what the whole gives."""

MOST_REASONS = 255


def check_op(op: Op) -> None:
    """Run the battery on an operator.

    It must be documented and made again from its own settings; give the same result each time and however the
    rows are cut into batches; account for every row; keep the columns of a record and give one statistic a
    row; and survive texts that are empty, huge, null, Chinese, emoji or control characters.
    """
    check_part(op, "ops")
    kinds = "a Map, a Filter, a Barrier or a Split"
    assert isinstance(op, Map | Filter | Barrier | Split), f"{op.name()}: an op is {kinds}"
    _check_declared(op)
    with blaming(op):
        _check_behaviour(op, sample_batch())


def _check_behaviour(op: Op, batch: Batch) -> None:
    if isinstance(op, Filter):
        _check_verdict(op, op.judge(batch), batch)
    outcome = op.apply(batch)
    check_outcome(op, batch, outcome)
    _check_repeats(op, batch, outcome)
    _check_empty(op, batch, outcome)
    if isinstance(op, Barrier):
        check_barrier(op, batch)
    else:
        _check_cuts(op, batch, outcome)


def check_outcome(op: Op, batch: Batch, outcome: Outcome) -> None:
    """Check that every row is there once, kept or dropped, with its columns and with a declared reason."""
    name, kept, dropped = op.name(), outcome.batch, outcome.dropped
    before, after = batch.column("id").to_pylist(), _origins(op, kept.column("id").to_pylist())
    gone = dropped.column("id").to_pylist()
    assert len(before) == len(after) + len(gone), (
        f"{name}: {len(before)} rows in, but {len(after)} kept and {len(gone)} dropped"
    )
    assert sorted(before) == sorted([*after, *gone]), f"{name}: the ids of kept and dropped rows are not those given"
    missing = set(gone)
    assert after == [row for row in before if row not in missing], f"{name}: the kept rows changed their order"
    for side in (kept, dropped):
        assert side.schema.names[: len(SCHEMA)] == SCHEMA.names, f"{name}: the record's columns are not kept"
        for field in SCHEMA:
            assert side.schema.field(field.name).type == field.type, f"{name}: the column {field.name!r} changed type"
    extra = [column for column in kept.schema.names[len(SCHEMA) :] if not column.startswith(STATS)]
    assert not extra, f"{name}: columns that are neither of the record nor statistics: {', '.join(extra)}"
    lost = set(batch.schema.names) - set(kept.schema.names)
    assert not lost, f"{name}: statistics of earlier ops are lost: {', '.join(sorted(lost))}"
    _check_reasons(op, dropped)
    if isinstance(op, Filter | Barrier) and not op.rewrites:
        rows = pa.array([row in missing for row in before], pa.bool_())
        untouched = record_columns(batch.filter(pc.invert(rows)))
        assert same(record_columns(kept), untouched), f"{name}: a filter or a barrier must not change what it keeps"


def _origins(op: Op, made: list[str]) -> list[str]:
    """Give the ids of the rows that rows were made of, each once."""
    if not isinstance(op, Split):
        return made
    assert len(set(made)) == len(made), f"{op.name()}: two of the rows it makes have one id"
    return list(dict.fromkeys(row.partition("#")[0] for row in made))


def check_barrier(op: Barrier, batch: Batch) -> None:
    """Run the phases as an engine does: with any cut into batches and partitions, the decisions are the same."""
    whole = next(_simulate(op, batch, cuts=(), partitions=1))
    _check_verdict(op, whole, batch)
    for cuts in CUTS:
        for partitions in (1, 5):
            parts = list(_simulate(op, batch, cuts, partitions))
            codes = np.concatenate([part.codes for part in parts])
            where = f"with the rows cut at {cuts} and {partitions} partitions"
            assert np.array_equal(codes, whole.codes), f"{op.name()}: other decisions {where}"
            _check_changes(op, whole, parts, where)
            for stat, values in whole.stats.items():
                pieces = pa.concat_arrays([as_arrow(part.stats[stat]) for part in parts])
                assert same_values(as_arrow(values), pieces), f"{op.name()}: other statistic {stat!r} {where}"
    nothing = op.map(batch.slice(0, 0), np.empty(0, np.uint64))
    decisions = pa.concat_tables(op.settle([op.reduce(nothing)]))
    assert "row" in decisions.column_names, f"{op.name()}: settle gives a table with the column row"
    assert decisions.num_rows == 0, f"{op.name()}: decisions out of nothing"


def _check_changes(op: Barrier, whole: Verdict, parts: list[Verdict], where: str) -> None:
    """Check that a barrier that rewrites gives the same rows as over the whole."""
    changed = [part.changed for part in parts if part.changed is not None]
    if whole.changed is not None:
        assert same(whole.changed, pa.concat_batches(changed)), f"{op.name()}: other rewritten rows {where}"


def _simulate(op: Barrier, batch: Batch, cuts: tuple[int, ...], partitions: int) -> Iterator[Verdict]:
    """Give the verdict on each piece of a batch; partitions are reduced last to first."""
    pieces = _pieces(batch, cuts)
    starts = np.cumsum([0, *(piece.num_rows for piece in pieces)]).astype(np.uint64)
    numbers = [np.arange(starts[i], starts[i + 1], dtype=np.uint64) for i in range(len(pieces))]
    pairs = list(zip(pieces, numbers, strict=True))
    keyed = [op.map(piece, rows) for piece, rows in pairs]
    decisions = _decide(op, keyed, partitions, (op.reduce, op.settle))
    if isinstance(op, DoubleBarrier) and op.makes_sure():
        keyed = [op.map_again(piece, rows, _among(decisions, rows)) for piece, rows in pairs]
        decisions = _decide(op, keyed, partitions, (op.reduce_again, op.settle_again))
    for piece, rows in pairs:
        yield op.judge(piece, rows, _among(decisions, rows))


def _decide(op: Barrier, tables: list[pa.Table], partitions: int, phases: tuple[Any, Any]) -> pa.Table:
    reduce, settle = phases
    keyed = pa.concat_tables(tables)
    part = _partition(keyed.column("key").to_numpy(), partitions)
    found = [
        reduce(keyed.filter(pa.array(part == number)).sort_by(KEY_ORDER)) for number in reversed(range(partitions))
    ]
    decisions = pa.concat_tables(settle(found))
    decided = decisions.column("row").to_numpy()
    assert np.all(decided[:-1] <= decided[1:]), f"{op.name()}: settle must order its decisions by row"
    return decisions


def _among(decisions: pa.Table, rows: npt.NDArray[np.uint64]) -> pa.Table:
    return decisions.filter(pa.array(np.isin(decisions.column("row").to_numpy(), rows)))


def _partition(keys: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint64]:
    """Cut the key space as the engine's spill files do: by the high bits."""
    return (keys >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)


def _check_repeats(op: Op, batch: Batch, outcome: Outcome) -> None:
    name = op.name()
    before = batch.schema, batch.to_pylist()
    again = op.apply(batch)
    assert (batch.schema, batch.to_pylist()) == before, f"{name}: it changes the batch it is given"
    rebuilt = build("ops", op.spec())
    assert isinstance(rebuilt, Op)
    for what, other in (("a second time", again), ("made again from its own settings", rebuilt.apply(batch))):
        assert same(outcome.batch, other.batch), f"{name}: {what}, it keeps other rows or statistics"
        assert same(outcome.dropped, other.dropped), f"{name}: {what}, it drops other rows or for other reasons"


def _check_empty(op: Op, batch: Batch, outcome: Outcome) -> None:
    """An empty batch must pass and have the same columns: an engine writes them into the same files."""
    empty = op.apply(batch.slice(0, 0))
    assert empty.batch.num_rows == empty.dropped.num_rows == 0, f"{op.name()}: rows out of an empty batch"
    for side, other in ((empty.batch, outcome.batch), (empty.dropped, outcome.dropped)):
        differing = [f"{field.name} ({field.type})" for field in side.schema if other.schema.field(field.name) != field]
        assert side.schema == other.schema, (
            f"{op.name()}: an empty batch gives other columns than a full one: {', '.join(differing)}"
        )


def _check_cuts(op: Op, batch: Batch, outcome: Outcome) -> None:
    for cuts in CUTS:
        parts = [op.apply(piece) for piece in _pieces(batch, cuts)]
        where = f"{op.name()}: with the rows cut at {cuts}"
        assert same(outcome.batch, pa.concat_batches([part.batch for part in parts])), (
            f"{where}, it keeps another result"
        )
        assert same(outcome.dropped, pa.concat_batches([part.dropped for part in parts])), (
            f"{where}, it drops other rows"
        )


def _check_verdict(op: Filter | Barrier, verdict: Verdict, batch: Batch) -> None:
    name, rows, codes = op.name(), batch.num_rows, verdict.codes
    assert isinstance(codes, np.ndarray), f"{name}: codes must be a numpy array"
    assert codes.dtype == np.uint8, f"{name}: codes must be uint8, not {codes.dtype}"
    assert codes.shape == (rows,), f"{name}: {rows} rows, but codes of shape {codes.shape}"
    assert codes.max(initial=0) <= len(op.reasons), f"{name}: code {codes.max()} has no reason"
    for stat, values in verdict.stats.items():
        assert len(values) == rows, f"{name}: {rows} rows, but {len(values)} values of the statistic {stat!r}"
    divide(batch, verdict, op)


def _check_declared(op: Op) -> None:
    name, declared = op.name(), getattr(op, "reasons", ())
    if isinstance(op, Map | Split):
        return
    assert declared, f"{name}: it drops rows, but declares no reasons"
    assert len(declared) <= MOST_REASONS, f"{name}: {len(declared)} reasons are too many (at most {MOST_REASONS})"
    assert len(set(declared)) == len(declared), f"{name}: a reason is declared twice"
    assert all(reason and reason == reason.strip() for reason in declared), f"{name}: a reason is empty"


def _check_reasons(op: Op, dropped: Batch) -> None:
    name = op.name()
    given = set(dropped.column(DROP_REASON).to_pylist())
    unknown = given - set(getattr(op, "reasons", ()))
    assert not unknown, f"{name}: reasons that are not declared: {', '.join(sorted(unknown))}"
    assert set(dropped.column(DROP_OP).to_pylist()) <= {name}, f"{name}: dropped rows are signed with another name"


def _pieces(batch: Batch, cuts: tuple[int, ...]) -> list[Batch]:
    edges = [0, *cuts, batch.num_rows]
    return [batch.slice(start, stop - start) for start, stop in pairwise(edges)]
