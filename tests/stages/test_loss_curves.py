"""Loss curves of trainings, of branches among them, and the law of one."""

import json

import pytest

from lmloop import run
from lmloop.core.errors import LmloopError
from lmloop.core.step import BLOCKS
from lmloop.core.weights import tokens_read

COMPUTE = {"precision": "fp32", "threads": 1, "compile": "off"}
SHAPE = {"depth": 1, "context": 32, "model": {"width": 8, "heads": 2, "kv_heads": 2, "hidden": 16}}
pytestmark = pytest.mark.usefixtures("one_thread")


def trained(name, width=8, **settings):
    how = {"batch": 128, "compute": COMPUTE, "evaluate": {"sample_tokens": 0, "every": 20, "tokens": 500}}
    shape = {**SHAPE, "model": {**SHAPE["model"], "width": width}}
    return {"id": name, "use": "pretrain", "from": ["tokens"], **shape, **how, **settings}


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A trunk of 60 steps, a branch of 20 behind its 40th, and a wider model."""
    monkeypatch.chdir(tmp_path)
    lines = [f"the ship {n % 7} went to sea, and the bird {n % 5} flew. 鸟{n % 3}飞过山。 " * 4 for n in range(60)]
    (tmp_path / "text.jsonl").write_text("\n".join(json.dumps({"text": line}) for line in lines), encoding="utf-8")
    keep = {"every": 20, "keep": 9}
    curves = {"id": "curves", "use": "loss-curves", "from": ["trunk", "branch", "wide"], "places": 16}
    return {
        "name": "t",
        "step": [
            {"id": "text", "use": "ingest", "reader": {"use": "jsonl", "files": ["text.jsonl"]}},
            {"id": "words", "use": "tokenizer", "from": ["text"], "vocab_size": 352},
            {"id": "tokens", "use": "pack", "from": ["text", "words"], "held": 0.3},
            trained("trunk", tokens=60 * 128, checkpoints=keep, schedule={"decay": 0.2}),
            {**trained("branch", tokens=20 * 128, branch=40), "from": ["tokens", "trunk"]},
            trained("wide", width=16, tokens=40 * 128),
            {**curves, "draws": 50},
            {"id": "page", "use": "report", "from": ["curves"]},
        ],
    }


def test_curves_stand_beside_each_other_by_all_that_was_read(recipe, tmp_path):
    done = run(recipe, home=tmp_path / "runs", workers=1)
    trunk, branch, wide = json.loads((done["curves"].path / "curves.json").read_text())
    assert trunk["held_tokens"] == [20 * 128, 40 * 128, 60 * 128]
    assert branch["tokens"][0] == 41 * 128
    assert branch["held_tokens"] == [60 * 128]
    assert tokens_read(done["branch"].path) == 60 * 128
    assert wide["params"] > trunk["params"] == branch["params"]
    assert done["curves"].card.metrics["held/wide"] == pytest.approx(wide["held"][-1], abs=1e-4)
    assert trunk["held"][-1] == pytest.approx(done["trunk"].card.metrics["loss/text"])
    assert trunk["law"]["b"] > 0
    assert branch["law"] is None or branch["law"]["floor"] >= 0
    page = (done["page"].path / "report.html").read_text()
    for told in ("Where they came to", "Loss by operations", "Power laws", "foretold from 25%"):
        assert told in page
    assert (done["curves"].path / BLOCKS).exists()


def test_it_reads_base_models_only(recipe, tmp_path):
    steps = {step["id"]: step for step in recipe["step"]}
    steps["trunk"]["evaluate"] = {"every": 1000, "sample_tokens": 0}
    steps["tokens"].pop("held")
    recipe["step"] = [steps[name] for name in ("text", "words", "tokens", "trunk")]
    recipe["step"].append({"id": "curves", "use": "loss-curves", "from": ["trunk"]})
    steps["trunk"]["tokens"] = 2 * 128
    with pytest.raises(LmloopError, match="no held-out loss"):
        run(recipe, home=tmp_path / "runs", workers=1)
