"""Rows that are filled up to whole blocks, as on a GPU, give what they give as they are."""

import numpy as np
import pytest
import torch
from test_goals import DEVICE, policy, rows

from lmloop.core.rows import NOBODY
from lmloop.methods.lora import Lora
from lmloop.methods.mixlora import Mixlora
from lmloop.nn.goals.settings import Dpo, Grpo, Kto, Reward, Sft
from lmloop.nn.tuning import Tuning

LENGTHS = [9, 5, 12, 7]


def made():
    shape = (len(LENGTHS), max(LENGTHS))
    chance = np.random.default_rng(3)
    beside = {
        "good": np.array([1, 0, 1, 0]),
        "advantages": chance.normal(size=len(LENGTHS)).astype(np.float32),
        "rewards": np.ones(len(LENGTHS), np.float32),
        "tasks": np.zeros(shape, np.int64),
    }
    return rows(LENGTHS, beside=beside)


def test_what_is_filled_up_is_of_nobody_and_short_rows_are_left():
    whole = made()
    filled = whole.padded(8)
    assert filled.tokens_BT.shape == filled.beside["tasks"].shape == (4, 16)
    assert (filled.documents_BT[:, 12:] == NOBODY).all()
    assert filled.valid == whole.valid
    assert whole.padded(12) is whole.padded(100) is whole


@pytest.mark.parametrize("method", [None, Lora(rank=2), Mixlora(experts=3, top_k=2, rank=2)])
@pytest.mark.parametrize("goal", [Sft(), Dpo(), Kto(), Reward(), Grpo()])
def test_filled_rows_have_the_same_losses(method, goal, one_thread):
    if goal.use == "reward" and method is None:
        pytest.skip("a reward model has a head of its own")
    subject = policy(method)
    if goal.use == "reward":
        subject.decoder.score = torch.nn.Linear(32, 1, bias=False)
    tuning = Tuning(subject, goal)
    wanted, found = (tuning(*tuning.arguments(each, DEVICE)) for each in (made(), made().padded(8)))
    for one, other in zip(wanted, found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)
