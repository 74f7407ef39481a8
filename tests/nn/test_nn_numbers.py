"""Schedules, the guard and the optimizers."""

import math
from itertools import pairwise

import pytest
import torch
from test_nn_huggingface import SHAPE

from lmloop.nn.decoder import seeded
from lmloop.nn.guard import Guard
from lmloop.nn.muon import Muon, orthogonal
from lmloop.nn.optimizer import optimizers
from lmloop.nn.schedule import Schedule
from lmloop.nn.training import Computing, Training, Update


def test_wsd_warms_up_holds_and_decays_to_its_floor():
    schedule = Schedule("wsd", 100, 10, 40, 0.1)
    factors = [schedule.factor(step) for step in range(100)]
    assert factors[0] == 0.1
    assert factors[9:60] == [1.0] * 51
    assert all(a > b for a, b in pairwise(factors[60:]))
    assert factors[-1] == pytest.approx(0.1)
    assert schedule.decay_start == 60


def test_cosine_is_half_way_down_in_the_middle():
    schedule = Schedule("cosine", 101, 0, 0, 0.0)
    assert schedule.factor(50) == pytest.approx(0.5, abs=0.02)
    assert schedule.factor(100) == pytest.approx(0.0, abs=1e-9)


def test_the_guard_lets_noise_pass_and_stops_what_stands_out():
    chance = torch.Generator().manual_seed(1)
    guard = Guard()
    noise = (0.05 * torch.randn(400, generator=chance)).tolist()
    for step, wave in enumerate(noise):
        loss, norm = 5 * math.exp(-step / 200) + 2 + wave, 1 + abs(wave)
        assert guard.judge(loss, norm) == ""
        guard.accept(loss, norm)
    assert guard.judge(loss * 1.5, norm) == "loss"
    assert guard.judge(loss, 50.0) == "gradient"
    assert guard.judge(float("nan"), norm) == guard.judge(loss, float("inf")) == "not finite"
    assert Guard.from_plain(guard.plain()) == guard


def test_only_inner_matrices_decay_and_every_weight_is_changed_by_one_optimizer():
    model = seeded(SHAPE, 1)
    names = {weight: name for name, weight in model.named_parameters()}
    for kind in ("adamw", "muon"):
        found = optimizers(model, Update(kind))
        groups = [group for optimizer in found for group in optimizer.param_groups]
        assert sorted(names[w] for group in groups for w in group["params"]) == sorted(names.values())
        decaying = {names[w] for group in groups if group["weight_decay"] for w in group["params"]}
        assert all("_proj" in name for name in decaying)
        assert len(decaying) == 7 * SHAPE.layers


@pytest.mark.parametrize("size", [(16, 48), (48, 16), (32, 32)])
def test_orthogonal_brings_singular_values_near_one_and_turns_nothing(size):
    x = torch.randn(3, *size, generator=torch.Generator().manual_seed(2))
    turned = orthogonal(x, steps=8)
    values = torch.linalg.svdvals(turned)
    assert 0.4 < values.min() <= values.max() < 1.4
    left, _, right = torch.linalg.svd(x, full_matrices=False)
    middle = left.mT @ turned @ right.mT
    off = middle - torch.diag_embed(middle.diagonal(dim1=1, dim2=2))
    assert off.abs().max() < 0.05


def test_muon_steps_are_as_large_as_adamws():
    weight = torch.nn.Parameter(torch.zeros(64, 128))
    weight.grad = torch.randn(64, 128, generator=torch.Generator().manual_seed(3))
    Muon([weight], lr=1.0, weight_decay=0.0).step()
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.2, rel=0.25)


def test_a_training_survives_json():
    training = Training(10, 4, 16, 1, Schedule("wsd", 10, 1, 4, 0.0), Update("muon"), Computing(2), 5, 5)
    assert Training.from_plain(training.plain()) == training
