"""The same rates at several widths, as they are and carried over."""

import json

import pytest
from phenomena_ground import packed

from lmloop import run

pytestmark = pytest.mark.usefixtures("one_thread")


def test_rates_are_tried_at_each_width_in_both_ways(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = {"widths": [32, 64], "rates": [0.001, 0.004], "depth": 1, "steps": 6, "batch": 64, "context": 16}
    look = {"id": "sweep", "use": "rate-transfer", "from": ["tokens"], **small}
    done = run({"name": "t", "step": [*packed(tmp_path), look]}, home=tmp_path / "runs", workers=1)["sweep"]
    rows = [json.loads(line) for line in (done.path / "losses.jsonl").read_text().splitlines()]
    assert len(rows) == 8
    usual, carried = ([row for row in rows if row["way"] == way] for way in ("the same for all", "carried over"))
    assert [row["loss"] for row in usual[:2]] == [row["loss"] for row in carried[:2]]
    assert [row["loss"] for row in usual[2:]] != [row["loss"] for row in carried[2:]]
