"""Shapes of one size: as many weights at any depth, the best rate for each, and going on behind what is done."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phenomena_ground import packed

from lmloop import run
from lmloop.core.step import Artifact, Context
from lmloop.stages.depth_width import FOUND, DepthWidth

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {
    "weights": 4000,
    "depths": [4, 1],
    "rates": [0.001, 0.01],
    "repeats": 2,
    "steps": 12,
    "batch": 64,
    "context": 16,
}


@given(st.integers(20_000, 10_000_000), st.integers(1, 16))
def test_any_depth_has_as_many_weights(weights: int, depth: int) -> None:
    shape = DepthWidth(weights=weights).shape(depth, 0)
    assert shape.layers == depth
    assert shape.width == shape.heads * shape.head_width
    assert shape.matrix_weights == pytest.approx(weights, rel=0.05)
    assert shape.hidden >= 1


def test_shapes_are_trained_at_all_rates_and_the_best_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    look = {"id": "shapes", "use": "depth-width", "from": ["tokens"], **SMALL}
    page = {"id": "page", "use": "report", "from": ["shapes"]}
    done = run({"name": "t", "seed": 3, "step": [*packed(tmp_path), look, page]}, home=tmp_path / "runs", workers=1)
    rows = [json.loads(line) for line in (done["shapes"].path / FOUND).read_text().splitlines()]
    assert [(row["depth"], row["repeat"]) for row in rows] == [(1, 0), (1, 0), (1, 1), (4, 0), (4, 0), (4, 1)]
    best = min(rows[:2], key=lambda row: row["loss"])
    assert rows[2]["rate"] == best["rate"]
    assert rows[2]["loss"] != best["loss"]
    metrics = done["shapes"].card.metrics
    assert metrics["loss/depth 1"] == pytest.approx((best["loss"] + rows[2]["loss"]) / 2, abs=1e-4)
    assert metrics["between shapes"] >= 0
    assert "Loss by shape" in (done["page"].path / "report.html").read_text()

    # what an interrupted run has left is gone on with, and comes to the same
    tokens = Artifact("tokens", done["tokens"].path, "k", "tokens")
    again = tmp_path / "again"
    again.mkdir()
    (again / FOUND).write_text("".join(json.dumps(row) + "\n" for row in rows[:4]))
    assert DepthWidth(**SMALL).run([tokens], again, Context(seed=3)) == {
        name: metrics[name] for name in ("loss/depth 1", "loss/depth 4", "between shapes", "between repetitions")
    }
    assert (again / FOUND).read_text() == (done["shapes"].path / FOUND).read_text()
