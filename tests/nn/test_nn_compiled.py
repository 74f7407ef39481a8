"""A compiled training learns what one that is not learns: one layer is compiled, for all."""

import shutil

import pytest
import torch
from torch._dynamo.utils import counters

from lmloop.nn.decoder import seeded
from lmloop.nn.masking import document_mask
from lmloop.nn.objective import Objective
from lmloop.nn.shape import from_depth


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling for a CPU needs g++")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("recompute", [False, True])
def test_compiled_layers_give_the_same_gradients(recompute: bool) -> None:
    tokens_BT = torch.randint(0, 97, (2, 24), generator=torch.Generator().manual_seed(0))
    targets_BT = tokens_BT.roll(-1, 1)
    positions_BT = torch.arange(24).expand(2, 24)
    mask = document_mask(torch.tensor([[0] * 10 + [1] * 14, [0] * 24]))
    found = []
    for compiled in (False, True):
        torch._dynamo.reset()
        counters.clear()
        learner = Objective(seeded(from_depth(3, 97, 24), 0))
        learner.recompute(recompute)
        run = learner.compiled(learner) if compiled else learner
        loss, _ = run(tokens_BT, targets_BT, positions_BT, mask.dense_B1TS)
        loss.backward()
        found.append([loss.detach(), *(weight.grad for weight in learner.parameters())])
        assert counters["stats"]["unique_graphs"] == int(compiled)
    for plain, other in zip(*found, strict=True):
        assert torch.allclose(plain, other, rtol=1e-4, atol=1e-4)
