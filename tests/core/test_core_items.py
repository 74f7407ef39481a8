"""The item log gives back what was written, by place, and refuses what it did not write."""

from pathlib import Path

import pytest

from lmloop.core import items
from lmloop.core.errors import DataError


def row(place: int) -> dict[str, object]:
    told: dict[str, object] = dict.fromkeys(items.SCHEMA.names)
    return told | {
        "model": "m",
        "task": f"t{place // 3000}",
        "record": f"r{place}",
        "value": place % 2,
        "failed": False,
        "cut": False,
        "error": "",
        "values": [("acc", place % 2)],
        "weights": [("acc", 2.0)] if place % 2 else [],
        "question": f"问 {place}",
        "prompt": [{"role": "user", "text": "？"}],
        "replies": [{"text": "答", "logprob": None, "cut": False}],
    }


def test_rows_come_back_by_place(tmp_path: Path) -> None:
    path = tmp_path / items.FILE
    with items.writer(path) as log:
        for first in range(0, 5000, 700):
            log.write([row(place) for place in range(first, min(5000, first + 700))])
    log_read = items.Items(path)
    assert log_read.count == 5000
    found = log_read.rows([4999, 0, 2500])
    assert [each["record"] for each in found] == ["r4999", "r0", "r2500"]
    assert found[0]["values"] == {"acc": 1.0}
    assert (found[0]["weights"], found[1]["weights"]) == ({"acc": 2.0}, {})
    assert found[1]["replies"][0]["text"] == "答"
    assert log_read.rows([3], ["question"]) == [{"question": "问 3"}]
    assert log_read.column("task").value_counts().to_pylist() == [
        {"values": "t0", "counts": 3000},
        {"values": "t1", "counts": 2000},
    ]


def test_an_empty_log_is_a_log_and_an_unfinished_one_is_not_there(tmp_path: Path) -> None:
    with items.writer(tmp_path / "empty.parquet"):
        pass
    assert items.Items(tmp_path / "empty.parquet").count == 0
    with pytest.raises(TypeError), items.writer(tmp_path / "half.parquet") as log:
        log.write([None] * items.GROUP)  # type: ignore[list-item]
    assert [path.name for path in tmp_path.iterdir()] == ["empty.parquet"]


def test_what_is_no_log_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(DataError, match="is no item log"):
        items.Items(tmp_path / "x.parquet")
