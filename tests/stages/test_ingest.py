import json
from pathlib import Path

import pyarrow.parquet as pq

from lmloop import run
from lmloop.formats import fields
from lmloop.stages import ingest


def recipe(**step: object) -> dict[str, object]:
    return {"name": "t", "step": [{"id": "raw", "use": "ingest", **step}]}


def ids(folder: Path) -> list[str]:
    return [name for file in sorted(folder.glob("data/*.parquet")) for name in pq.read_table(file)["id"].to_pylist()]


def test_records_know_their_file_and_copies_have_ids_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text("the same")
    (tmp_path / "d.txt").write_bytes(b"\xff")
    done = run(recipe(reader={"use": "text", "files": ["."]}), home=tmp_path / "runs")["raw"]
    assert done.metrics == {"files": 4, "records": 3, "bytes": 24, "rejects": 1}
    assert len(set(ids(done.path))) == 3
    (table,) = (pq.read_table(file) for file in done.path.glob("data/*.parquet"))
    assert [json.loads(meta)["source"] for meta in table["meta"].to_pylist()] == ["a.txt", "b.txt", "c.txt"]
    rejects = [json.loads(line) for line in (done.path / "rejects.jsonl").read_text().splitlines()]
    assert [(row["source"], row["reason"]) for row in rejects] == [("d.txt", "encoding")]


def test_shards_follow_the_setting_and_ids_do_not_hang_on_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for n in range(10):
        (tmp_path / f"{n}.txt").write_text("x" * 1000)
    reader = {"use": "text", "files": ["."]}
    one = run(recipe(reader=reader), home=tmp_path / "runs", workers=1)["raw"]
    many = run(recipe(reader=reader, shard_mb=0.002), home=tmp_path / "runs", workers=1)["raw"]
    assert len(list(one.path.glob("data/*"))) == 1
    assert len(list(many.path.glob("data/*"))) == 5
    assert ids(one.path) == ids(many.path)


def test_one_large_file_is_cut_into_shards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ingest, "SHARD_BYTES", 5000)
    monkeypatch.setattr(fields, "BATCH_BYTES", 1000)
    monkeypatch.setattr(ingest, "BATCH_BYTES", 1000)
    lines = [json.dumps({"text": f"{n} " + "x" * 500}) for n in range(40)]
    (tmp_path / "big.jsonl").write_text("\n".join(lines))
    done = run(recipe(reader={"use": "jsonl", "files": ["big.jsonl"]}), home=tmp_path / "runs", workers=1)["raw"]
    shards = sorted(done.path.glob("data/*"))
    assert len(shards) > 3
    texts = [text for shard in shards for text in pq.read_table(shard)["text"].to_pylist()]
    assert texts == [json.loads(line)["text"] for line in lines]


def test_a_changed_file_gives_another_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("one")
    reader = {"use": "text", "files": ["a.txt"]}
    first = run(recipe(reader=reader), home=tmp_path / "runs")["raw"]
    again = run(recipe(reader=reader), home=tmp_path / "runs")["raw"]
    (tmp_path / "a.txt").write_text("two")
    changed = run(recipe(reader=reader), home=tmp_path / "runs")["raw"]
    assert (first.path, again.fresh) == (again.path, False)
    assert changed.path != first.path
    assert changed.fresh
