import json
from pathlib import Path

import pytest

from lmloop.core.errors import DataError
from lmloop.core.part import build
from lmloop.core.sampling import draw


def reader(use: str, files: list[str]):
    return build("readers", {"use": use, "files": files})


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "texts").mkdir()
    for n in range(40):
        (tmp_path / "texts" / f"{n:02d}.txt").write_text(f"第{n}篇 note {n} " * 5, encoding="utf-8")
    for name, rows in (("small", 50), ("large", 450)):
        lines = [json.dumps({"text": f"{name} row {n}"}) for n in range(rows)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_the_same_sample_each_time(corpus: Path) -> None:
    readers = [(reader("text", ["texts"]), corpus)]
    assert draw(readers, 10).batch.equals(draw(readers, 10).batch)


def test_a_file_gives_as_many_as_its_share_of_documents(corpus: Path) -> None:
    sample = draw([(reader("jsonl", ["small.jsonl", "large.jsonl"]), corpus)], 50)
    texts = sample.batch.column("text").to_pylist()
    large = [int(text.split()[-1]) for text in texts if text.startswith("large")]
    assert 43 <= len(large) <= 47
    assert len(texts) == len(set(texts)) == 50
    assert large[0] < 20
    assert large[-1] > 400
    assert abs(sample.documents - 500) < 50


def test_whole_files_are_counted_and_not_estimated(corpus: Path) -> None:
    sample = draw([(reader("text", ["texts"]), corpus)], 10)
    assert (sample.documents, sample.files, sample.of) == (40, 10, 40)
    assert draw([(reader("text", ["texts"]), corpus)], 1000).batch.num_rows == 40


def test_rows_are_named_as_an_ingest_names_them(corpus: Path) -> None:
    from lmloop import run

    recipe = {"step": [{"id": "raw", "use": "ingest", "reader": {"use": "jsonl", "files": ["small.jsonl"]}}]}
    import pyarrow.parquet as pq

    from lmloop.core.recipe import Recipe

    done = run(Recipe.check(recipe, corpus), home=corpus / "runs", workers=1)["raw"]
    whole = pq.read_table(next((done.path / "data").glob("*.parquet")))
    known = dict(zip(whole.column("id").to_pylist(), whole.column("text").to_pylist(), strict=True))
    sample = draw([(reader("jsonl", ["small.jsonl"]), corpus)], 7).batch
    for row in sample.to_pylist():
        assert known[row["id"]] == row["text"]


def test_what_cannot_be_read_is_counted(corpus: Path) -> None:
    (corpus / "texts" / "bad.txt").write_bytes(b"\x80")
    sample = draw([(reader("text", ["texts"]), corpus)], 1000)
    assert sample.rejects == 1
    assert sample.batch.num_rows == 40
    (corpus / "only.txt").write_bytes(b"\x80")
    with pytest.raises(DataError, match="no file of the sample"):
        draw([(reader("text", ["only.txt"]), corpus)], 5)
