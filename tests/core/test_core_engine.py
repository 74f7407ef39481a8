"""The engine gives what the ops give by themselves, however rows lie in shards, and goes on where it was stopped."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmloop.core.batch import Batch, from_records
from lmloop.core.engine import chain, shards
from lmloop.core.engine.chain import run_chain
from lmloop.core.engine.pool import Pool
from lmloop.core.engine.shards import DATA, ShardWriter, list_shards, read_chosen, read_shard
from lmloop.core.engine.spill import RowTable, at_a_time, partitions, read_partitions, write_spill, write_tables
from lmloop.core.errors import DataError, StepError
from lmloop.core.op import DROP_REASON, Filter, Op, Verdict
from lmloop.core.part import build
from lmloop.core.record import Record

OPS = ["unicode", {"use": "length", "min_characters": 3}, "exact", "exact-url"]
texts = st.sampled_from(["", "a", "abc", "abc\r\n", "语言模型", "语言模型 ", "longer text here", "\x00abc"])


def ops(specs: list[object] = OPS) -> list[Op]:  # type: ignore[assignment]
    return [build("ops", spec) for spec in specs]  # type: ignore[arg-type, misc]


def write_shards(folder: Path, parts: list[list[str]]) -> Path:
    number = 0
    for place, part in enumerate(parts):
        records = []
        for text in part:
            records.append(Record(text, meta={"url": f"http://x.org/{number % 7}"}, id=f"row-{number:04d}"))
            number += 1
        with ShardWriter(folder / DATA / f"{place:05d}.parquet") as shard:
            shard.write(from_records(records))
    return folder


def alone(chain_of_ops: list[Op], texts: list[str]) -> tuple[list[str], dict[str, str]]:
    """Apply the ops one after the other in memory: ids kept, and the reason for each id that went."""
    records = [Record(t, meta={"url": f"http://x.org/{n % 7}"}, id=f"row-{n:04d}") for n, t in enumerate(texts)]
    batch, gone = from_records(records), {}
    for op in chain_of_ops:
        outcome = op.apply(batch)
        batch = outcome.batch
        gone.update(
            zip(outcome.dropped.column("id").to_pylist(), outcome.dropped.column(DROP_REASON).to_pylist(), strict=True)
        )
    return batch.column("id").to_pylist(), gone


def together(folder: Path, name: str) -> pa.Table:
    return pa.concat_tables(
        [pq.read_table(path) for path in sorted((folder / name).glob("*.parquet"))], promote_options="default"
    )


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(texts, max_size=9), min_size=1, max_size=4))
def test_a_chain_gives_what_its_ops_give(tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("chain")
    source = write_shards(folder / "in", parts)
    with Pool(1) as pool:
        totals = run_chain(ops(), [source], folder / "out", pool, samples=-1)
    kept, gone = alone(ops(), [text for part in parts for text in part])
    assert together(folder / "out", "data").column("id").to_pylist() == kept
    dropped = together(folder / "out", "dropped")
    assert dict(zip(dropped.column("id").to_pylist(), dropped.column(DROP_REASON).to_pylist(), strict=True)) == gone
    assert sum((tally.drops for tally in totals.ops), Counter()) == Counter(gone.values())
    assert totals.ops[0].rows_in == len(kept) + len(gone)
    assert totals.ops[-1].rows_out == len(kept)


def test_dropped_texts_are_sampled_but_every_row_is_there(tmp_path: Path) -> None:
    source = write_shards(tmp_path / "in", [["a"] * 30, ["b"] * 5])
    for samples, there in ((20, 25), (-1, 35), (0, 0)):
        with Pool(1) as pool:
            run_chain(ops(["length"]), [source], tmp_path / str(samples), pool, samples)
        dropped = together(tmp_path / str(samples), "dropped")
        assert dropped.num_rows == 35
        assert dropped.num_rows - dropped.column("text").null_count == there


class _Stops(Filter):
    """Fails once it has seen a number of batches."""

    reasons: ClassVar[tuple[str, ...]] = ("none",)
    left: ClassVar[list[int]] = []

    def judge(self, batch: Batch) -> Verdict:
        """Count down."""
        if self.left:
            self.left[0] -= 1
            if self.left[0] == 0:
                self.left.clear()
                raise KeyboardInterrupt
        return Verdict(np.zeros(batch.num_rows, np.uint8))


@pytest.mark.parametrize("after", range(1, 9))
def test_work_that_was_stopped_anywhere_is_finished_with_the_same_bytes(
    tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_shards(tmp_path / "in", [["abc", "abcd", "abc"], ["语言模型", "x"], ["abcd", "efgh", "语言模型"]])
    found = build

    def with_stops(kind: str, spec: object) -> object:
        return _Stops() if isinstance(spec, dict) and spec["use"] == _Stops.name() else found(kind, spec)  # type: ignore[arg-type]

    monkeypatch.setattr("lmloop.core.engine.segment.build", with_stops)
    monkeypatch.setattr("lmloop.core.engine.segment._build", lambda spec: with_stops("ops", json.loads(spec)))
    line: list[Op] = [_Stops(), *ops(["exact"]), _Stops(), *ops([{"use": "minhash", "n": 2}]), _Stops()]
    with Pool(1) as pool:
        run_chain(line, [source], tmp_path / "whole", pool)
    _Stops.left[:] = [after]
    with pytest.raises(KeyboardInterrupt), Pool(1) as pool:
        run_chain(line, [source], tmp_path / "stopped", pool)
    with Pool(1) as pool:
        run_chain(line, [source], tmp_path / "stopped", pool)
    for name in ("data", "dropped"):
        before, now = (
            {p.name: p.read_bytes() for p in (tmp_path / out / name).iterdir()} for out in ("whole", "stopped")
        )
        assert before == now


def test_what_an_unfinished_run_lost_is_made_again(tmp_path: Path) -> None:
    source = write_shards(tmp_path / "in", [["abc", "abcd"], ["abc", "efgh"]])
    line = ops(["exact", "unicode"])
    out = tmp_path / "out"
    with Pool(1) as pool:
        run_chain(line, [source], out, pool)
    before = {path.name: path.read_bytes() for path in (out / "data").iterdir()}
    for path in sorted((out / "work").rglob("*")):
        if path.is_file() and path.parent.name != "done":
            path.unlink()
    next((out / "data").iterdir()).unlink()
    with Pool(1) as pool:
        run_chain(line, [source], out, pool)
    assert {path.name: path.read_bytes() for path in (out / "data").iterdir()} == before


@given(st.lists(st.integers(0, 2**64 - 1), max_size=60), st.integers(1, 9), st.integers(1, 9))
def test_spilled_rows_come_back_each_once_and_keys_stay_together(
    tmp_path_factory: pytest.TempPathFactory, keys: list[int], count: int, step: int
) -> None:
    folder = tmp_path_factory.mktemp("spill")
    table = pa.table({"key": pa.array(keys, pa.uint64()), "row": pa.array(range(len(keys)), pa.uint64())})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lmloop.core.engine.spill.RUN_BYTES", 64)
        size = write_spill(folder / "a", [table.slice(0, 20), table.slice(0, 0), table.slice(20, 5)], count)
    size += write_spill(folder / "b", [table.slice(25), table.slice(0, 0)], count)
    assert size == table.nbytes
    spills = [folder / "a", folder / "b"]
    parts = [read_partitions(spills, n, min(n + step, count), count) for n in range(0, count, step)]
    back = [tuple(row.values()) for part in parts for row in part.to_pylist()]
    assert back == sorted(zip(keys, range(len(keys)), strict=True))


def test_partitions_grow_with_the_rows_and_are_taken_as_memory_allows() -> None:
    assert partitions(0, 100) == 1
    assert partitions(10_000_000, 100) == 1221
    assert partitions(10, 10**9) == 477
    assert partitions(10**12, 100) == 4096
    assert at_a_time(100, 10**9, 2 << 30) == 18
    assert at_a_time(100, 10**9, 1) == 1
    assert at_a_time(100, 10**3, 2 << 30) == 100


@given(st.lists(st.lists(st.integers(0, 99), max_size=9), min_size=1, max_size=4), st.integers(0, 99))
def test_rows_between_two_numbers_are_read(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[int]], first: int
) -> None:
    rows = sorted(row for part in parts for row in part)
    sizes = np.cumsum([0, *map(len, parts)])
    tables = [pa.table({"row": pa.array(rows[a:b], pa.uint64())}) for a, b in pairwise(sizes)]
    path = tmp_path_factory.mktemp("rows") / "rows.arrow"
    assert write_tables(path, tables) == len(rows)
    found = RowTable(path).between(first, first + 30).column("row").to_pylist()
    assert found == [row for row in rows if first <= row < first + 30]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_shard_is_there_whole_or_not_at_all(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"x{suffix}"

    def write_and_fail() -> None:
        with ShardWriter(path) as shard:
            shard.write(from_records([Record("a")]))
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(shards, "GROUP_BYTES", 4)
    with ShardWriter(path) as shard:
        for text in ("abc", "defgh", "猫"):
            shard.write(from_records([Record(text)]))
    assert [text for batch in read_shard(path) for text in batch.column("text").to_pylist()] == ["abc", "defgh", "猫"]
    with ShardWriter(path):
        pass
    assert [batch.num_rows for batch in read_shard(path)] == [0]


def test_a_damaged_shard_is_one_message(tmp_path: Path) -> None:
    write_shards(tmp_path, [["abc"]])
    (tmp_path / DATA / "00000.parquet").write_bytes(b"PAR1 but nothing else PAR1")
    with pytest.raises(DataError, match=r"00000.parquet cannot be read"):
        list_shards([tmp_path])


def test_what_a_part_raises_names_the_part_and_the_shard(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(
        '"""Bad."""\nfrom lmloop import Map\n\n\nclass Bad(Map):\n    """Fails."""\n\n'
        "    def change(self, batch):\n        return {}['nothing']\n"
    )
    source = write_shards(tmp_path / "in", [["abc"]])
    with (
        pytest.raises(StepError, match=r"op 'bad' failed on 00000.parquet: KeyError: 'nothing' \(at bad.py:9\)"),
        Pool(1) as pool,
    ):
        run_chain(ops([str(tmp_path / "bad.py")]), [source], tmp_path / "out", pool)


def test_chains_are_cut_at_barriers() -> None:
    segments, barriers = chain.split(ops(["unicode", "exact", "length", "minhash"]))
    assert [[op.name() for op in segment] for segment in segments] == [["unicode"], ["length"], []]
    assert [barrier.name() for barrier in barriers] == ["exact", "minhash"]


def test_chosen_rows_are_read_and_only_the_groups_that_hold_some(tmp_path, monkeypatch):
    table = pa.table({"id": [str(k) for k in range(9)], "mark": [0, 0, 0, 1, None, 0, 0, 0, 1], "text": ["x"] * 9})
    pq.write_table(table, tmp_path / "0.parquet", row_group_size=3)
    pq.write_table(table.drop_columns(["mark"]), tmp_path / "1.parquet")
    read = []
    whole = pq.ParquetFile.read_row_group

    def counting(self, group, columns=None):
        read.append((group, columns))
        return whole(self, group, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counting)
    found = list(read_chosen(tmp_path, ["id", "text", "more"], "mark", lambda marks: pc.equal(marks, 1)))
    assert [part.to_pylist() for part in found] == [[{"id": "3", "text": "x"}], [{"id": "8", "text": "x"}]]
    assert [group for group, columns in read if columns != ["mark"]] == [1, 2]
