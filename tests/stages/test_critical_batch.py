"""Trainings at several batches: the fastest of each counts, and one trade is fitted to all."""

import json

import numpy as np
import pytest
from phenomena_ground import packed, trained

from lmloop import run
from lmloop.core.errors import DataError, LmloopError
from lmloop.kernels.scaling.critical_batch import Trade
from lmloop.report.finished import Run
from lmloop.stages.critical_batch import CriticalBatch

TRUE = {4.5: Trade(50, 50_000), 4.0: Trade(100, 200_000)}


def planted(batch: int, slower: float = 1.0, rate: float = 0.001) -> Run:
    """A training whose held-out loss falls in straight lines through both trades."""
    tokens = [slower * batch * float(trade.at(np.array(batch))) for trade in TRUE.values()]
    x = np.array([tokens[0] / 10, *tokens, 10 * tokens[1]])
    y = np.array([6.0, *TRUE, 3.9])
    return Run(f"{batch}", 100, x, y, x, y, batch, rate)


def test_the_fastest_rate_of_a_batch_counts_and_planted_trades_are_found() -> None:
    runs = [planted(256 * 2**n) for n in range(6)] + [planted(1024, 1.5, 0.004), planted(2048, 0.99, 0.004)]
    found = CriticalBatch(losses=[4.0, 4.5], draws=60).study(runs, seed=0)
    assert found.loss.tolist() == [4.5, 4.0]
    assert found.critical == pytest.approx([1000, 2000], rel=0.05)
    assert found.rate_LB[0].tolist() == [0.001, 0.001, 0.001, 0.004, 0.001, 0.001]
    assert max(found.error(0), found.error(1)) < 0.02
    low, high = found.interval(1)
    assert low <= found.critical[1] * 1.01
    assert high >= found.critical[1] * 0.99


def test_losses_lie_down_to_the_lowest_that_all_reached() -> None:
    runs = [planted(256 * 2**n) for n in range(4)]
    found = CriticalBatch(places=3, draws=60).study(runs, seed=0)
    assert found.loss[-1] > 3.9
    assert found.loss[0] <= 4.96
    assert not np.isnan(found.steps_LB).any()


def test_other_models_and_few_batches_are_told() -> None:
    one, other = planted(256), planted(512)
    with pytest.raises(DataError, match="2 different batches are too few"):
        CriticalBatch().study([one, other], seed=0)
    wide = Run("wide", 200, one.tokens, one.loss, one.held_tokens, one.held, 1024, 0.001)
    with pytest.raises(DataError, match="not of one size"):
        CriticalBatch().study([one, other, wide], seed=0)
    with pytest.raises(DataError, match="no loss was reached"):
        CriticalBatch(losses=[1.0]).study([one, other, planted(1024)], seed=0)


@pytest.mark.usefixtures("one_thread")
def test_it_reads_trainings_and_shows_what_it_found(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    held = {"schedule": {"decay": 0.0}, "optimizer": {"learning_rate": 0.01}}
    sizes = {32: 32, 64: 24, 128: 20}
    runs = [trained(f"b{batch}", steps, batch, **held) for batch, steps in sizes.items()]
    look = {"id": "batches", "use": "critical-batch", "from": [f"b{batch}" for batch in sizes], "draws": 60}
    page = {"id": "page", "use": "report", "from": ["batches"]}
    done = run({"name": "t", "step": [*packed(tmp_path), *runs, look, page]}, home=tmp_path / "runs", workers=1)
    told = json.loads((done["batches"].path / "batches.json").read_text())
    assert told["batches"] == [32, 64, 128]
    assert [row["fit"] is not None for row in told["losses"]][-1]
    steps = told["losses"][-1]["steps"]
    assert steps[0] > steps[2]
    assert "Steps and tokens to a loss" in (done["page"].path / "report.html").read_text()


def test_no_base_model_no_batches(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    steps = packed(tmp_path)
    toy = {"id": "toy", "use": "toy", "from": ["prose"]}
    look = {"id": "batches", "use": "critical-batch", "from": ["toy"]}
    with pytest.raises(LmloopError, match="no held-out loss"):
        run({"name": "t", "step": [steps[0], toy, look]}, home=tmp_path / "runs", workers=1)
