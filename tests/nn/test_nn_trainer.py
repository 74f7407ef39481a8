"""A training goes on bit for bit, is guarded, and comes out the same on several ranks."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import training_ground as ground
from safetensors.torch import load_file

from lmloop.core.errors import DataError, StepError
from lmloop.core.rows import Rows
from lmloop.nn import checkpoint
from lmloop.nn.schedule import DECADES, Schedule, is_due

GROUND = Path(ground.__file__)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ground")


@pytest.fixture(scope="module")
def undisturbed(folder):
    one = ground.trainer(folder, folder / "undisturbed")
    watch = ground.Watch()
    one.run(watch)
    assert watch.losses[0] > watch.losses[-1] + 0.5
    return one, folder / "undisturbed"


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_interrupted_and_gone_on_with_the_weights_and_losses_are_the_same(folder, tmp_path, optimizer):
    def stop():
        raise KeyboardInterrupt

    training = ground.plan(optimizer=optimizer)
    whole = ground.trainer(folder, tmp_path / "whole", training)
    whole.run(ground.Watch())
    for at in (3, 17, 22):
        with pytest.raises(KeyboardInterrupt):
            ground.trainer(folder, tmp_path / "cut", training).run(ground.Watch(at, stop))
    last = ground.trainer(folder, tmp_path / "cut", training)
    watch = ground.Watch()
    last.run(watch)
    assert watch.first == 20
    assert same(whole, last)
    assert ground.metrics(tmp_path / "cut") == ground.metrics(tmp_path / "whole")
    for name in ("weights", "optimizer"):
        one, other = (
            load_file(tmp_path / f / "checkpoints/step-00000030" / f"{name}.safetensors") for f in ("cut", "whole")
        )
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("kills", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_goes_on_bit_for_bit(folder, undisturbed, tmp_path, kills):
    chance = random.Random(3)
    command = [sys.executable, str(GROUND), "slow", str(folder), str(tmp_path / "killed")]
    for _ in range(kills):
        process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
        _wait_for(tmp_path / "killed" / "metrics.jsonl", process)
        time.sleep(chance.uniform(0.0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    last = ground.trainer(folder, tmp_path / "killed", ground.plan(save_seconds=0.0))
    watch = ground.Watch()
    last.run(watch)
    assert watch.first > 0
    assert same(last, undisturbed[0])
    assert ground.metrics(tmp_path / "killed") == ground.metrics(undisturbed[1])


def test_killed_while_a_checkpoint_is_removed_it_goes_on_bit_for_bit(folder, tmp_path, monkeypatch):
    def torn(place):
        """Remove a file of three, and be killed."""
        (place / "state.json").unlink()
        raise KeyboardInterrupt

    training = ground.plan(checkpoint_every=3, keep=1)
    whole = ground.trainer(folder, tmp_path / "whole", training)
    whole.run(ground.Watch())
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.shutil, "rmtree", lambda place, ignore_errors=False: ignore_errors or torn(place))
        with pytest.raises(KeyboardInterrupt):
            ground.trainer(folder, tmp_path / "cut", training).run(ground.Watch())
    # and one that an older version had begun to remove under its own name
    (tmp_path / "cut" / "checkpoints" / "step-00000001").mkdir()
    last, watch = ground.trainer(folder, tmp_path / "cut", training), ground.Watch()
    last.run(watch)
    assert watch.first > 0
    assert same(last, whole)
    assert ground.metrics(tmp_path / "cut") == ground.metrics(tmp_path / "whole")
    names = [{path.name for path in (tmp_path / home / "checkpoints").iterdir()} for home in ("cut", "whole")]
    assert names[0] == names[1]


def test_checkpoints_by_decades_are_all_kept(folder, undisturbed, tmp_path):
    def stop():
        raise KeyboardInterrupt

    training = ground.plan(checkpoint_every=DECADES)
    with pytest.raises(KeyboardInterrupt):
        ground.trainer(folder, tmp_path / "cut", training).run(ground.Watch(13, stop))
    last, watch = ground.trainer(folder, tmp_path / "cut", training), ground.Watch()
    last.run(watch)
    assert watch.first == 10
    assert same(last, undisturbed[0])
    kept = sorted(int(path.name[5:]) for path in (tmp_path / "cut" / "checkpoints").glob("step-*"))
    # 18 is where the learning rate begins to fall, 30 the end
    assert kept == [1, 2, 5, 10, 18, 20, 30]
    assert [step for step in range(3000) if is_due(step, DECADES)] == [
        *(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
    ]


def _wait_for(path, process):
    size = path.stat().st_size if path.exists() else 0
    for _ in range(2000):
        if process.poll() is not None or (path.exists() and path.stat().st_size > size):
            return
        time.sleep(0.01)
    raise AssertionError("the training did not begin")


def test_micro_batches_weigh_every_target_the_same(folder, undisturbed, tmp_path):
    one = ground.trainer(folder, tmp_path / "micro", ground.plan(micro_rows=3))
    one.run(ground.Watch())
    wanted = [row["loss"] for row in ground.metrics(undisturbed[1]) if "gradient" in row]
    found = [row["loss"] for row in ground.metrics(tmp_path / "micro") if "gradient" in row]
    assert np.allclose(found, wanted, rtol=2e-4)


def test_checkpoints_kept_are_the_last_the_best_and_where_the_rate_begins_to_fall(undisturbed):
    names = sorted(path.name for path in (undisturbed[1] / "checkpoints").iterdir())
    assert names == ["best", "step-00000018", "step-00000030"]
    scores = [row["held"] for row in ground.metrics(undisturbed[1]) if "held" in row]
    assert len(scores) == 3
    assert scores[-1]["a"]["bits_per_byte"] < scores[0]["a"]["bits_per_byte"]


def test_a_branch_begins_with_the_checkpoints_weights_and_momentum(folder, undisturbed, tmp_path):
    start = undisturbed[1] / "checkpoints" / "step-00000018"
    training = ground.plan(steps=6, schedule=Schedule("wsd", 6, 0, 6, 0.0))
    one = ground.trainer(folder, tmp_path / "branch", training)
    one.run(ground.Watch(), start)
    rows = [row for row in ground.metrics(tmp_path / "branch") if "gradient" in row]
    assert rows[0]["loss"] < 0.8 * ground.metrics(undisturbed[1])[0]["loss"]
    kept = load_file(tmp_path / "branch/checkpoints/step-00000006/optimizer.safetensors")
    assert (
        float(
            kept["decoder.lm_head.weight/step"]
            if "decoder.lm_head.weight/step" in kept
            else kept["model.norm.weight/step"]
        )
        == 24
    )


class Poisoned:
    """Batches some of which are nonsense."""

    def __init__(self, inner, steps):
        self.inner, self.steps = inner, steps

    def batch(self, step):
        rows = self.inner.batch(step)
        if step in self.steps:
            chance = np.random.default_rng(step)
            targets = np.where(rows.targets_BT >= 0, chance.integers(3, 64, rows.targets_BT.shape), -100)
            return Rows(rows.tokens_BT, targets, rows.positions_BT, rows.documents_BT)
        return rows


def test_one_bad_step_is_skipped_and_three_are_gone_round(folder, tmp_path):
    one = ground.trainer(folder, tmp_path / "bad", ground.plan(learning_rate=2e-2))
    one.batches = Poisoned(one.batches, {20, 24, 25, 26})
    watch = ground.Watch()
    one.run(watch)
    events = [(row["event"], row["step"]) for row in ground.metrics(tmp_path / "bad") if "event" in row]
    assert events == [("skip", 20), ("skip", 24), ("skip", 25), ("skip", 26), ("rollback", 20)]
    assert one.now.step == ground.STEPS
    assert "went back to step 20" in watch.lines[-1]
    slow = [row["rate"] for row in ground.metrics(tmp_path / "bad") if "gradient" in row][-1]
    assert slow < 1e-2


def test_a_training_that_cannot_be_saved_ends_with_a_message(folder, tmp_path):
    one = ground.trainer(folder, tmp_path / "hopeless", ground.plan(learning_rate=2e-2))
    one.batches = Poisoned(one.batches, set(range(20, 1000)))
    with pytest.raises(StepError, match="breaks down"):
        one.run(ground.Watch())


def test_a_damaged_checkpoint_is_told(folder, undisturbed, tmp_path):
    one = ground.trainer(folder, tmp_path / "damaged")
    place = tmp_path / "damaged/checkpoints/step-00000005"
    place.mkdir(parents=True)
    (place / "state.json").write_text('{"now": {"step": 5}}')
    with pytest.raises(DataError, match="cannot be read"):
        one.run(ground.Watch())


@pytest.mark.slow
@pytest.mark.parametrize("kinds", ["ddp-adamw,fsdp-adamw", "fsdp-muon"])
def test_two_ranks_train_as_one(folder, tmp_path, kinds):
    ground.make(folder)
    command = [sys.executable, str(GROUND), kinds, str(folder), str(tmp_path)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen(command, env={**os.environ, **place, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [rank.communicate(timeout=120)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], said[0][-3000:]
    one = ground.trainer(
        folder, tmp_path / "one", ground.plan(optimizer=kinds[-5:].strip("-"), steps=ground.RANK_STEPS)
    )
    one.run(ground.Watch())
    alone = ground.metrics(tmp_path / "one")
    for kind in kinds.split(","):
        both = ground.metrics(tmp_path / kind)
        assert [row.get("tokens") for row in alone] == [row.get("tokens") for row in both]
        losses = [[row["loss"] for row in rows if "gradient" in row] for rows in (alone, both)]
        assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-6)
        assert np.allclose(*losses, rtol=1e-3)
        weights = load_file(tmp_path / kind / "final.safetensors")
        for name, weight in one.model.named_parameters():
            assert torch.allclose(weights[name], weight, atol=5e-3), (kind, name)
