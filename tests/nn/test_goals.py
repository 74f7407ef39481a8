"""Every goal is its published equation, worked out here from plain logits, and moves what it is to move."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lmloop.core.rows import IGNORED, NOBODY, Rows
from lmloop.methods.lora import Lora
from lmloop.methods.mixlora import Mixlora
from lmloop.nn.decoder import seeded
from lmloop.nn.goals.grpo import advantages
from lmloop.nn.goals.settings import Dpo, Grpo, Ipo, Kto, Orpo, Reward, Sft, Simpo
from lmloop.nn.policy import Policy
from lmloop.nn.shape import from_depth
from lmloop.nn.training import Update
from lmloop.nn.tuning import Tuning

SHAPE = replace(from_depth(2, 40, 32), width=32, heads=2, kv_heads=1, head_width=16, hidden=64)
DEVICE = torch.device("cpu")


def policy(method=None, seed=1, refers=True):
    """A model with an adapter that has moved away from it; or all weights with a frozen copy."""
    from copy import deepcopy

    from lmloop.nn.adapters.attach import attach

    decoder = seeded(SHAPE, seed)
    with torch.no_grad():
        decoder.lm_head.weight.mul_(10)
    if method is None:
        made = Policy(decoder, None, deepcopy(decoder) if refers else None)
    else:
        made = Policy(decoder, attach(decoder, method, seed))
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in decoder.parameters():
            if weight.requires_grad:
                weight.add_(0.05 * torch.randn(weight.shape, generator=chance))
    return made.eval()


def rows(lengths, prompt=3, beside=None, seed=0):
    """A row for each text: random tokens, the first few a prompt."""
    chance = np.random.default_rng(seed)
    shape = (len(lengths), max(lengths))
    tokens, targets = np.zeros(shape, np.int64), np.full(shape, IGNORED, np.int64)
    positions, documents = np.zeros(shape, np.int64), np.full(shape, NOBODY, np.int64)
    for row, length in enumerate(lengths):
        ids = chance.integers(0, 40, length + 1)
        tokens[row, :length], targets[row, prompt:length] = ids[:-1], ids[prompt + 1 :]
        positions[row, :length], documents[row, :length] = np.arange(length), 0
    units = np.arange(len(lengths)) % 2 == 0
    return Rows(tokens, targets, positions, documents, {"units": units.astype(np.int64), **(beside or {})})


def plain(decoder, made):
    """Work out each row's sum and mean of log-probabilities, a row at a time, by other code."""
    sums, means = [], []
    for tokens, targets in zip(made.tokens_BT, made.targets_BT, strict=True):
        logits = decoder(torch.from_numpy(tokens)[None])[0].log_softmax(-1)
        values = [logits[place, target] for place, target in enumerate(targets.tolist()) if target != IGNORED]
        sums.append(sum(values))
        means.append(sum(values) / len(values))
    return torch.stack(sums), torch.stack(means)


def of_both(made, told):
    """The sums and means of a policy and of the model that it was."""
    now = plain(made.decoder, told)
    if made.adapted is None:
        return now, plain(made.reference, told)
    with made.adapted.active(None), torch.no_grad():
        return now, plain(made.decoder, told)


def dpo(now, was, goal):
    moved = now[0] - was[0]
    margin = goal.beta * (moved[0::2] - moved[1::2])
    return (
        -(1 - goal.smoothing) * torch.log(torch.sigmoid(margin)) - goal.smoothing * torch.log(torch.sigmoid(-margin))
    ).sum()


def ipo(now, was, goal):
    moved = now[1] - was[1]
    return ((moved[0::2] - moved[1::2] - 1 / (2 * goal.tau)) ** 2).sum()


def kto(now, was, goal):
    moved = now[0] - was[0]
    point = max(moved[1::2].mean().item(), 0.0)
    total = 0
    for number, value in enumerate(moved[0::2]):
        if number % 2 == 0:
            total = total + goal.good * (1 - torch.sigmoid(goal.beta * (value - point)))
        else:
            total = total + goal.bad * (1 - torch.sigmoid(goal.beta * (point - value)))
    return total


def orpo(now, was, goal):
    better, worse = now[1][0::2], now[1][1::2]
    odds = [p / (1 - p) for p in (better.exp(), worse.exp())]
    return (-better - goal.weight * torch.log(torch.sigmoid(torch.log(odds[0] / odds[1])))).sum()


def simpo(now, was, goal):
    better, worse = now[1][0::2], now[1][1::2]
    return -torch.log(torch.sigmoid(goal.beta * better - goal.beta * worse - goal.margin)).sum()


def sft(now, was, goal):
    return -now[0].sum()


CASES = [
    (Sft(), sft),
    (Dpo(), dpo),
    (Dpo(beta=0.5, smoothing=0.1), dpo),
    (Ipo(), ipo),
    (Kto(good=1.3, bad=0.7), kto),
    (Orpo(), orpo),
    (Simpo(), simpo),
]


@pytest.mark.parametrize("method", [Lora(rank=4, dropout=0), None], ids=["adapter", "all weights"])
@pytest.mark.parametrize(("goal", "equation"), CASES, ids=[case[1].__name__ for case in CASES])
def test_the_loss_and_its_gradient_are_the_equations(goal, equation, method):
    made = policy(method)
    told = rows([8, 6, 9, 9, 5, 7], beside={"good": np.array([1, 0, 0, 0, 1, 0])})
    tuning = Tuning(made, goal)
    loss, shown = tuning(*tuning.arguments(told, DEVICE))
    loss.backward()
    weights = [weight for weight in made.decoder.parameters() if weight.requires_grad]
    found = [torch.zeros_like(weight) if weight.grad is None else weight.grad.clone() for weight in weights]
    wanted = equation(*of_both(made, told), goal)
    gradient = torch.autograd.grad(wanted, weights, allow_unused=True)
    assert torch.allclose(loss, wanted, rtol=1e-4)
    assert shown[0] == pytest.approx(wanted.item(), rel=1e-4)
    for one, other in zip(found, gradient, strict=True):
        assert torch.allclose(one, torch.zeros_like(one) if other is None else other, atol=2e-4)


def test_a_reward_is_bradley_and_terrys():
    made = policy(Lora(rank=4, dropout=0))
    made.decoder.score = torch.nn.Linear(32, 1, bias=False)
    told = rows([8, 6, 9, 9])
    goal = Reward(centre=0.1)
    tuning = Tuning(made, goal)
    loss, shown = tuning(*tuning.arguments(told, DEVICE))
    values = []
    for tokens, documents in zip(told.tokens_BT, told.documents_BT, strict=True):
        ids = torch.from_numpy(tokens[documents == 0])[None]
        positions = torch.arange(ids.shape[1])[None]
        from lmloop.nn.masking import CAUSAL

        values.append(made.decoder.score(made.decoder.model(ids, positions, CAUSAL))[0, -1, 0])
    better, worse = torch.stack(values[0::2]), torch.stack(values[1::2])
    wanted = (-torch.log(torch.sigmoid(better - worse)) + 0.1 * (better + worse) ** 2).sum()
    assert torch.allclose(loss, wanted, rtol=1e-4)
    assert shown[1] == (better > worse).sum()


@pytest.mark.parametrize("average", ["reply", "tokens"])
def test_grpos_loss_and_gradient_are_the_equations(average):
    made = policy(Lora(rank=4, dropout=0))
    gains = np.array([1.0, -0.5, 0.0, 2.0], np.float32)
    told = rows([8, 6, 9, 7], beside={"advantages": gains, "rewards": gains, "units": np.ones(4, np.int64)})
    goal = Grpo(beta=0.3, average=average, tokens=10)
    tuning = Tuning(made, goal)
    loss, _ = tuning(*tuning.arguments(told, DEVICE))
    weights = made.adapted.parameters()
    found = torch.autograd.grad(loss, weights)
    wanted = 0
    for row in range(4):
        one = told.part(row, row + 1)
        length = int((one.targets_BT != IGNORED).sum())
        ids = torch.from_numpy(one.tokens_BT)
        logs = made.decoder(ids).log_softmax(-1)[0]
        with made.adapted.active(None), torch.no_grad():
            before = made.decoder(ids).log_softmax(-1)[0]
        for place, target in enumerate(one.targets_BT[0].tolist()):
            if target == IGNORED:
                continue
            now, was = logs[place, target], before[place, target]
            pull = torch.exp(was - now) - (was - now) - 1
            ratio = torch.exp(now - now.detach())
            wanted = wanted + (-gains[row] * ratio + 0.3 * pull) / (length if average == "reply" else 10)
    assert torch.allclose(loss, wanted, rtol=1e-4)
    for one, other in zip(found, torch.autograd.grad(wanted, weights), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_advantages_are_measured_beside_the_replies_to_one_question():
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    assert torch.allclose(advantages(rewards, False), torch.tensor([[0.5, -0.5, -0.5, 0.5], [0.0] * 4]))
    deviation = math.sqrt(4 * 0.25 / 3)
    assert torch.allclose(advantages(rewards, True)[0], torch.tensor([0.5, -0.5, -0.5, 0.5]) / (deviation + 1e-4))
    assert (advantages(rewards, True)[1] == 0).all()


def packed(made):
    """Put all rows into one."""
    keep = made.documents_BT != NOBODY
    numbers = np.broadcast_to(np.arange(len(keep))[:, None], keep.shape)
    arrays = (made.tokens_BT[keep], made.targets_BT[keep], made.positions_BT[keep], numbers[keep])
    tail = ((0, 5),)
    filled = [
        np.pad(array, tail, constant_values=fill)[None]
        for array, fill in zip(arrays, (0, IGNORED, 0, NOBODY), strict=True)
    ]
    return Rows(*filled, {"tasks": np.zeros_like(filled[0])})


@pytest.mark.parametrize(
    "method", [Lora(rank=4, dropout=0), Mixlora(experts=4, rank=2, dropout=0)], ids=["lora", "mixlora"]
)
def test_packed_texts_do_not_see_each_other_and_padding_does_not_route(method):
    made = policy(method)
    apart = rows([8, 6, 9, 4])
    apart = replace(apart, beside={"tasks": np.zeros_like(apart.tokens_BT)})
    tuning = Tuning(made, Sft()).train()
    one, other = (tuning(*tuning.arguments(told, DEVICE))[1] for told in (apart, packed(apart)))
    assert torch.allclose(one, other, rtol=1e-4)
    assert len(one) == 1 + (method.name() == "mixlora")
    stretched = replace(
        packed(apart), tokens_BT=np.where(packed(apart).documents_BT == NOBODY, 7, packed(apart).tokens_BT)
    )
    assert torch.allclose(tuning(*tuning.arguments(stretched, DEVICE))[1], other, rtol=1e-4)


def trained(goal, told, steps=60, rate=2e-2, made=None):
    """Train a fresh adapter on a few rows; give what is shown before and after."""
    from lmloop.nn.adapters.attach import attach

    torch.manual_seed(0)
    decoder = seeded(SHAPE, 3)
    with torch.no_grad():
        decoder.lm_head.weight.mul_(10)
    made = Policy(decoder, attach(decoder, Lora(rank=4, dropout=0), 1))
    if goal.use == "reward":
        decoder.score = torch.nn.Linear(32, 1, bias=False)
    tuning = Tuning(made, goal)
    (optimizer,) = tuning.optimizers(Update(learning_rate=rate, weight_decay=0))
    shown = []
    for _ in range(steps):
        loss, each = tuning(*tuning.arguments(told, DEVICE))
        (loss / told.valid).backward()
        optimizer.step()
        optimizer.zero_grad()
        shown.append(dict(zip(tuning.shows, (each / told.valid).tolist(), strict=True)))
    return made, shown


@pytest.mark.parametrize("goal", [Dpo(), Ipo(), Orpo(), Simpo(), Reward()], ids=lambda goal: goal.use)
def test_pairs_come_into_the_right_order(goal):
    told = rows([8, 8, 9, 9, 7, 7, 8, 8])
    made, shown = trained(goal, told)
    assert shown[-1]["loss"] < 0.6 * shown[0]["loss"]
    assert shown[-1]["accuracy"] == 1
    assert shown[-1]["margin"] > shown[0]["margin"] + 0.5
    if goal.use != "reward":
        now, was = of_both(made.eval(), told)
        moved = (now[0] - was[0]).detach()
        assert (moved[0::2] > moved[1::2]).all()
    if goal.use == "ipo":
        assert shown[-1]["margin"] == pytest.approx(1 / (2 * goal.tau), abs=1)
    if goal.use == "orpo":  # it also learns to say the better one
        assert moved[0::2].min() > 5


def test_good_replies_rise_and_bad_ones_fall():
    told = rows([8] * 8, beside={"good": np.array([1, 0, 0, 0, 1, 0, 0, 0])})
    made, shown = trained(Kto(), told)
    now, was = of_both(made.eval(), told)
    moved = (now[0] - was[0]).detach()[0::2]
    assert moved[0] > 1
    assert moved[2] > 1
    assert max(moved[1], moved[3]) < -1
    assert shown[-1]["margin"] > shown[0]["margin"]


def test_what_is_rewarded_is_said_more_often():
    gains = np.array([1.0, -1.0, 1.0, -1.0], np.float32)
    told = rows([8] * 4, beside={"advantages": gains, "rewards": gains, "units": np.ones(4, np.int64)})
    made, _ = trained(Grpo(beta=0.0), told, steps=20)
    now, was = of_both(made.eval(), told)
    moved = (now[0] - was[0]).detach()
    assert moved[[0, 2]].min() > 1
    assert moved[[1, 3]].max() < -1
    held, _ = trained(Grpo(beta=5.0), told, steps=20)
    now, was = of_both(held.eval(), told)
    assert (now[0] - was[0]).abs().max() < moved.abs().max()


def test_log_sigmoids_do_not_overflow():
    from lmloop.nn.goals.dpo import dpo as loss

    far = torch.tensor([-1e4, 1e4], requires_grad=True)
    loss(far, 1.0).sum().backward()
    assert torch.isfinite(far.grad).all()
    assert F.logsigmoid(torch.tensor(-1e4)) == -1e4
