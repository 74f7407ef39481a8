"""Activations at every checkpoint of a training, of SwiGLU and of ReGLU."""

import json

import pytest
from phenomena_ground import SHAPE, packed, trained

from lmloop import run
from lmloop.core.errors import LmloopError

pytestmark = pytest.mark.usefixtures("one_thread")
KEPT = {"checkpoints": {"every": "decades", "keep": 2}}


def test_every_checkpoint_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relu = {"model": {**SHAPE["model"], "activation": "relu"}}
    runs = [trained("swiglu", 12, **KEPT), trained("relu", 12, **KEPT, **relu)]
    look = {"id": "activity", "use": "sparsity", "from": ["swiglu", "relu", "tokens"], "tokens": 200}
    page = {"id": "page", "use": "report", "from": ["activity"]}
    done = run({"name": "t", "step": [*packed(tmp_path), *runs, look, page]}, home=tmp_path / "runs", workers=1)
    swiglu, relu = json.loads((done["activity"].path / "activity.json").read_text())
    assert (swiglu["activation"], relu["activation"]) == ("silu", "relu")
    assert [row["step"] for row in relu["checkpoints"]] == [0, 1, 2, 5, 7, 10, 12]
    assert all(row["zeros"] == [0.0] for row in swiglu["checkpoints"])
    assert all(0 < row["zeros"][0] <= row["quiet"][0] < 1 for row in relu["checkpoints"])
    assert swiglu["checkpoints"][0]["loss"] > swiglu["checkpoints"][-1]["loss"]
    assert done["activity"].card.metrics["quiet/relu"] == pytest.approx(relu["checkpoints"][-1]["quiet"][0], abs=1e-4)
    page = (done["page"].path / "report.html").read_text()
    assert "Quiet activations, swiglu" in page
    assert "Zero activations, relu" in page
    assert "Zero activations, swiglu" not in page


def test_a_training_without_checkpoints_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toy = {"id": "toy", "use": "toy", "from": ["prose"]}
    look = {"id": "activity", "use": "sparsity", "from": ["toy", "tokens"]}
    with pytest.raises(LmloopError, match=r"no model|keeps no checkpoints"):
        run({"name": "t", "step": [*packed(tmp_path), toy, look]}, home=tmp_path / "runs", workers=1)
