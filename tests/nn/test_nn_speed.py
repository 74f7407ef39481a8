"""How to compute is chosen by trying, and a hopeless way is not tried to the end."""

from itertools import count
from typing import Any

import numpy as np
import pytest
import torch

from lmloop.core.rows import Rows
from lmloop.nn import speed
from lmloop.nn.decoder import seeded
from lmloop.nn.objective import Objective
from lmloop.nn.shape import from_depth
from lmloop.nn.training import Computing


class Counted(Objective):
    """Counts its forward passes."""

    passes = 0

    def forward(self, *arguments: Any) -> Any:
        self.passes += 1
        return super().forward(*arguments)


@pytest.fixture
def learner() -> Counted:
    return Counted(seeded(from_depth(1, 97, 16), 0))


def rows() -> Rows:
    ids = np.random.default_rng(0).integers(0, 97, (2, 17))
    places = np.broadcast_to(np.arange(16), (2, 16)).copy()
    return Rows(ids[:, :-1], ids[:, 1:].copy(), places, np.zeros_like(places))


def test_what_takes_too_long_is_given_up_at_once(learner: Counted, one_thread: None) -> None:
    ticks = count(0, 10)
    assert speed._pass_seconds(learner, rows(), "fp32", lambda: float(next(ticks)), most=5) == 10
    assert learner.passes == 1
    assert speed._pass_seconds(learner, rows(), "fp32", lambda: float(next(ticks)), most=50) == 10
    assert learner.passes == 5


def test_a_choice_is_whole_and_changes_no_weight(learner: Counted, one_thread: None) -> None:
    before = [weight.clone() for weight in learner.parameters()]
    found = speed.choose(learner, rows(), Computing(), torch.device("cpu"))
    assert found.precision in ("fp32", "bf16")
    assert found.threads >= 1
    assert all(map(torch.equal, before, learner.parameters()))
