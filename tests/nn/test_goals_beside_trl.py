"""Our goals beside ``trl``'s: the losses and gradients that its own trainers gave, kept as numbers.

``benchmarks/peers/trl_losses.py`` wrote them; the log-probabilities of both come from the same formula.
"""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from lmloop.core.rows import IGNORED
from lmloop.nn.goals.grpo import advantages
from lmloop.nn.goals.settings import Dpo, Grpo, Ipo, Kto, Orpo, Simpo
from lmloop.nn.masking import CAUSAL
from lmloop.nn.policy import Told
from lmloop.nn.tuning import AIMS

ROOT = Path(__file__).parents[2]
GOLDENS = json.loads((Path(__file__).parent / "goldens" / "trl.json").read_text())
PEER = importlib.util.spec_from_file_location("trl_losses", ROOT / "benchmarks" / "peers" / "trl_losses.py")
peer = importlib.util.module_from_spec(PEER)
PEER.loader.exec_module(peer)


@dataclass
class Said:
    """A policy that says what is in two tables."""

    now: torch.Tensor
    before: torch.Tensor

    def logprobs(self, told):
        return self.now

    def referred(self, told):
        return self.before


def ours(goal, **beside):
    """The mean loss of a goal over what it counts, and its gradient."""
    now = peer.logprobs(0.0).requires_grad_(True)
    zeros = torch.zeros_like(now).long()
    targets = torch.where(peer.counted() > 0, 1, IGNORED)
    told = Told(zeros, targets, zeros, zeros, CAUSAL, beside)
    loss, _ = AIMS[goal.use](goal)(Said(now, peer.logprobs(0.3)), told)
    loss = loss / (len(now) if goal.reads == "tasks" else len(now) // 2)
    loss.backward()
    return loss.detach(), now.grad


REWARDS = torch.tensor(peer.REWARDS, dtype=torch.float64)
GAINS = {"advantages": advantages(REWARDS.view(2, 4), True).flatten(), "rewards": REWARDS}
SAME = {
    "dpo": (Dpo(beta=0.3), {}),
    "ipo": (Ipo(tau=0.3), {}),
    "kto": (Kto(beta=0.5, bad=1.5), {"good": torch.tensor([1, 0, 0, 0, 0, 0, 1, 0])}),
    "simpo": (Simpo(beta=2.0, margin=1.0), {}),
    "grpo": (Grpo(beta=0.02, tokens=6), GAINS),
    "dr_grpo": (Grpo(beta=0.02, tokens=6, average="tokens"), GAINS),
}


@pytest.mark.parametrize("name", list(SAME))
def test_loss_and_gradient_are_those_of_trl(name):
    goal, beside = SAME[name]
    loss, gradient = ours(goal, **beside)
    assert float(loss) == pytest.approx(GOLDENS[name]["loss"], rel=1e-6)
    assert torch.tensor(GOLDENS[name]["gradient"]).abs().max() > 1e-3
    assert torch.allclose(gradient, torch.tensor(GOLDENS[name]["gradient"], dtype=torch.float64), atol=1e-7)


def test_the_ratio_of_odds_is_that_of_trl_and_the_likelihood_is_the_papers():
    """There ``trl`` takes the likelihood of prompt and reply, over all tokens of a batch; the paper, of a reply."""
    loss, gradient = ours(Orpo(weight=0.1))
    now = peer.logprobs(0.0).requires_grad_(True)
    likelihood = -(now.sum(1) / peer.counted().sum(1))[0::2].mean()
    likelihood.backward()
    assert float(loss - likelihood.detach()) == pytest.approx(GOLDENS["orpo"]["loss"], rel=1e-5)
    wanted = torch.tensor(GOLDENS["orpo"]["gradient"], dtype=torch.float64)
    assert torch.allclose(gradient - now.grad, wanted, atol=1e-7)
