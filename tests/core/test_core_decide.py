"""Barriers of every kind give, out of core and killed at every task, what they give in memory."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lmloop.core.batch import from_records
from lmloop.core.engine import pool as pools
from lmloop.core.engine.chain import run_chain
from lmloop.core.engine.pool import Pool
from lmloop.core.engine.shards import DATA, ShardWriter
from lmloop.core.op import Barrier, Op
from lmloop.core.part import build
from lmloop.core.record import Record

BARRIERS = [
    {"use": "exact-url"},
    {"use": "exact", "keep": "highest:score"},
    {"use": "exact-spans", "unit": "sentence", "min_characters": 2},
    {"use": "exact-substring", "n": 4},
    {"use": "minhash", "n": 2, "keep": "longest"},
    {"use": "minhash", "n": 3, "bands": 20, "rows": 2, "verify": 0.5, "keep": "shortest"},
    {"use": "mix", "by": "kind", "weights": {"a": 2, "b": 1}},
]
WORDS = ["sea", "town", "road", "ship", "harbour", "morning", "people", "old", "海", "城", "路", "船", "的", "了"]


def chain() -> list[Op]:
    return [build("ops", spec) for spec in BARRIERS]  # type: ignore[arg-type, misc]


def records(count: int) -> list[Record]:
    """Make texts with copies, near copies and copied passages among them."""
    chance = Random(8)
    found: list[Record] = []
    for number in range(count):
        text = " ".join(chance.choices(WORDS, k=chance.choice([0, 3, 12, 40]))) + "。"
        if found and number % 3 == 0:
            text = chance.choice(found).text + (text[: chance.choice([0, 0, 9])])
        url = f"http://x.org/{chance.randrange(4 * count)}"
        found.append(
            Record(text, meta={"url": url, "score": chance.random(), "kind": "ab"[number % 2]}, id=f"{number}")
        )
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rows = tmp_path_factory.mktemp("in"), records(90)
    for place, start in enumerate((0, 20, 21, 70)):
        with ShardWriter(folder / DATA / f"{place:05d}.parquet") as shard:
            shard.write(from_records(rows[start : (20, 21, 70, 90)[place]]))
    return folder


def made(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for name in ("data", "dropped") for path in (out / name).iterdir()}


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole")
    with Pool(1) as pool:
        run_chain(chain(), [source], out, pool)
    return made(out)


@pytest.fixture
def fine_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the key space finely and read it in many tasks, as a large corpus would be."""
    for module in ("chain", "decide"):
        monkeypatch.setattr(f"lmloop.core.engine.{module}.partitions", lambda rows, size: 7)
    monkeypatch.setattr("lmloop.core.engine.decide.at_a_time", lambda count, size, memory: 3)
    for module in ("groups", "spans"):
        monkeypatch.setattr(f"lmloop.kernels.{module}.SLICE", 10)


@pytest.mark.usefixtures("fine_parts")
def test_partitions_runs_and_slices_make_no_difference(
    source: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmloop.core.engine.spill.RUN_BYTES", 200)
    with Pool(1, memory=1) as pool:
        run_chain(chain(), [source], tmp_path, pool)
    assert made(tmp_path) == whole


@pytest.mark.usefixtures("fine_parts")
def test_killed_at_every_task_it_gives_the_same_bytes(
    source: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def one_and_no_more(carry_out: Callable[..., None]) -> Callable[..., None]:
        def carry(order: Any, *given: Any) -> None:
            if done:
                order.work(order.task, *given)  # killed before the mark is written
                raise KeyboardInterrupt
            carry_out(order, *given)
            done.append(order.task.name)

        return carry

    monkeypatch.setattr(pools, "carry_out", one_and_no_more(pools.carry_out))
    kills = 0
    while True:
        done.clear()
        try:
            with Pool(1) as pool:
                run_chain(chain(), [source], tmp_path, pool)
            break
        except KeyboardInterrupt:
            kills += 1
    assert kills > 50
    assert made(tmp_path) == whole


@pytest.mark.parametrize("spec", BARRIERS, ids=lambda spec: spec["use"])
def test_out_of_core_is_as_in_memory(spec: dict[str, Any], source: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    op = build("ops", spec)
    assert isinstance(op, Barrier)
    with Pool(1) as pool:
        run_chain([op], [source], tmp_path, pool, samples=-1)
    alone = op.apply(from_records(records(90)))
    for folder, batch in (("data", alone.batch), ("dropped", alone.dropped)):
        rows = [row for path in sorted((tmp_path / folder).iterdir()) for row in pq.read_table(path).to_pylist()]
        assert [(row["id"], row["text"]) for row in rows] == [(row["id"], row["text"]) for row in batch.to_pylist()]
    assert alone.dropped.num_rows
