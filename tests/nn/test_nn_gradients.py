"""Gradients that are worked out by hand are those of the plain form, operation by operation."""

import pytest
import torch
from torch.nn import functional as F

from lmloop.nn.crosses import CHUNKS, Crosses, in_one, in_place
from lmloop.nn.norm import Norm
from lmloop.nn.rotary import angles, turn


def random(*size, seed=0, wanted=True):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed)).requires_grad_(wanted)


def plain_sums(x_ND, weight_VD, targets_N, z_loss):
    logits_NV = x_ND @ weight_VD.T
    cross = F.cross_entropy(logits_NV, targets_N, ignore_index=-100, reduction="sum")
    counts_N = targets_N != -100
    return cross + z_loss * (logits_NV.logsumexp(-1).square() * counts_N).sum(), cross


@pytest.mark.parametrize("z_loss", [0.0, 0.1])
@pytest.mark.parametrize("chunk", [1 << 20, 3 * 50])
def test_of_the_cross_entropy(monkeypatch, z_loss, chunk):
    monkeypatch.setitem(CHUNKS, "cpu", chunk)
    x_ND, weight_VD = random(20, 8), random(50, 8, seed=1)
    targets_N = torch.arange(20) * 2
    targets_N[::3] = -100
    wanted, ours = (make(x_ND, weight_VD, targets_N, z_loss) for make in (plain_sums, Crosses.apply))
    for one, other in zip(wanted, ours, strict=True):
        assert torch.allclose(one, other, rtol=1e-6)
    for one, other in zip(
        *(torch.autograd.grad(0.3 * sums[0], (x_ND, weight_VD)) for sums in (wanted, ours)), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("z_loss", [0.0, 0.1])
def test_what_pulls_at_logits_is_the_same_in_both_forms(z_loss):
    logits_CV, targets_C = 20 * random(12, 50, wanted=False), torch.arange(12) * 4
    targets_C[::3] = -100
    for one, other in zip(
        *(form(logits_CV, targets_C, targets_C != -100, z_loss) for form in (in_place, in_one)), strict=True
    ):
        if z_loss or one.ndim == 2:
            assert torch.allclose(one, other, rtol=1e-5, atol=1e-5)


def test_of_a_cross_entropy_that_overflows_is_finite():
    """A target a thousand nats below the best has a share of nothing, and yet a loss and a pull."""
    x_ND = torch.tensor([[1000.0], [-1000.0]], requires_grad=True)
    weight_VD = torch.tensor([[1.0], [0.0]], requires_grad=True)
    total, _ = Crosses.apply(x_ND, weight_VD, torch.tensor([1, 1]), 0.0)
    assert total.item() == 1000
    pulls = torch.autograd.grad(total, (x_ND, weight_VD))
    assert pulls[0].tolist() == [[1.0], [0.0]]
    assert pulls[1].tolist() == [[1000.0], [-1000.0]]


def test_of_a_cross_entropy_in_bfloat16_are_near():
    x_ND, weight_VD, targets_N = random(20, 64), random(50, 64, seed=1), torch.arange(20)
    wanted = torch.autograd.grad(plain_sums(x_ND, weight_VD, targets_N, 0.0)[0], (x_ND, weight_VD))
    with torch.autocast("cpu", torch.bfloat16):
        total, _ = Crosses.apply(x_ND, weight_VD, targets_N, 0.0)
    for one, other in zip(wanted, torch.autograd.grad(total, (x_ND, weight_VD)), strict=True):
        assert other.dtype == torch.float32
        assert F.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.999


def test_of_only_what_is_trained():
    x_ND, weight_VD = random(4, 8), random(9, 8, wanted=False)
    Crosses.apply(x_ND, weight_VD, torch.arange(4), 0.0)[0].backward()
    assert x_ND.grad is not None
    assert weight_VD.grad is None


@pytest.mark.parametrize("size", [(6, 16), (2, 3, 4, 16)])
def test_of_a_norm(size):
    norm, x = Norm(16, 1e-6), random(*size)
    torch.nn.init.normal_(norm.weight)
    pull = random(*size, seed=1, wanted=False)
    plain = F.rms_norm(x, (16,), norm.weight, 1e-6)
    assert torch.allclose(norm(x), plain, atol=1e-6)
    found, wanted = (torch.autograd.grad(out, (x, norm.weight), pull) for out in (norm(x), plain))
    assert torch.allclose(found[0], wanted[0], atol=1e-5)
    assert torch.allclose(found[1], wanted[1], atol=1e-5)


def test_of_a_norm_of_vectors_that_do_not_lie_together():
    norm, x, pull = Norm(16, 1e-6), random(2, 3, 4, 16), random(2, 4, 3, 16, seed=1, wanted=False)
    found, wanted = (
        torch.autograd.grad(out, x, pull)[0]
        for out in (norm(x.transpose(1, 2)), F.rms_norm(x.transpose(1, 2), (16,), norm.weight, 1e-6))
    )
    assert torch.allclose(found, wanted, atol=1e-5)


def test_of_a_turn():
    x, pull = random(2, 5, 3, 8), random(2, 5, 3, 8, seed=1, wanted=False)
    turns = angles(torch.tensor([1.0, 0.1, 0.01, 0.001]), torch.arange(5).expand(2, 5))
    found = turn(x, *turns)
    first, second = x.chunk(2, dim=-1)
    plain = x * turns[0] + torch.cat((-second, first), dim=-1) * turns[1]
    assert torch.allclose(found, plain, atol=1e-6)
    both = [torch.autograd.grad(out, x, pull)[0] for out in (found, plain)]
    assert torch.allclose(*both, atol=1e-6)
    with torch.no_grad():
        assert torch.equal(turn(x, *turns), found)
