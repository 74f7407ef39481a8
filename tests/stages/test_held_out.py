import numpy as np
import pyarrow.parquet as pq
import pytest

from lmloop import run
from lmloop.core.errors import RecipeError
from lmloop.core.learning import HeldOut
from lmloop.report import blocks
from lmloop.stages.held_out import measure

RECIPE = {
    "seed": 1,
    "step": [
        {"id": "tried", "use": "held-out", "op": {"use": "quality", "good": ["good.txt"], "bad": ["bad.txt"]}},
        {"id": "page", "use": "report", "from": ["tried"]},
    ],
}


@pytest.fixture
def samples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = [f"the river {i} runs to the sea 河流 {i} 入海" for i in range(30)]
    bad = [f"cheap prize {i} click now 便宜 {i} 购买" for i in range(30)]
    (tmp_path / "good.txt").write_text("\n\n".join(good), encoding="utf-8")
    (tmp_path / "bad.txt").write_text("\n\n".join(bad), encoding="utf-8")
    return tmp_path


def test_a_recipe_shows_how_well_samples_are_told_apart(samples):
    done = run(RECIPE, home=samples / "runs", workers=1)["tried"]
    assert (done.metrics["samples"], done.metrics["accuracy"], done.metrics["auc"]) == (60, 1, 1)
    assert pq.read_table(done.path / "scores.parquet").column_names == ["text", "wanted", "score"]
    shown = blocks.read(done.path / "blocks.json")
    assert [type(block).__name__ for block in shown] == ["Numbers", "Histogram", "Table"]


def test_mistakes_are_shown(samples):
    (samples / "bad.txt").write_text((samples / "good.txt").read_text(encoding="utf-8"), encoding="utf-8")
    done = run(RECIPE, home=samples / "runs", workers=1)["tried"]
    assert done.metrics["accuracy"] < 0.9
    assert any(isinstance(block, blocks.Examples) for block in blocks.read(done.path / "blocks.json"))


def test_perplexity_has_good_samples_only(samples):
    recipe = {"step": [{"id": "tried", "use": "held-out", "op": {"use": "perplexity", "good": ["good.txt"]}}]}
    metrics = run(recipe, home=samples / "runs", workers=1)["tried"].metrics
    assert set(metrics) == {"samples", "wanted", "kept_of_wanted"}


def test_an_op_that_learns_nothing_is_told(samples):
    recipe = {"step": [{"id": "tried", "use": "held-out", "op": "length"}]}
    with pytest.raises(RecipeError, match="learns nothing from samples"):
        run(recipe, home=samples / "runs")


def test_auc_is_the_share_of_pairs_in_order():
    scores, wanted = np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, True, False, True])
    found = measure(HeldOut([""] * 4, scores, wanted, "score", 0.4, keeps_above=True))
    assert found["auc"] == (1 + 0.5 + 1 + 1) / 4
    assert (found["kept_of_wanted"], found["dropped_of_others"], found["accuracy"]) == (1, 0.5, 0.75)
