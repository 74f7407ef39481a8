"""NF4: the published levels, the nearest of them, factors in 8 bits, and products as those of the unfolded matrix."""

import pytest
import torch
from adapter_ground import base, batch, put
from torch import nn

from lmloop.core.method import Quantised
from lmloop.nn.adapters.nf4 import LEVELS, Linear4, quantise


def linear(outputs=24, inputs=40, bias=True):
    torch.manual_seed(0)
    return nn.Linear(inputs, outputs, bias=bias)


def test_the_levels_are_quantiles_of_a_normal_distribution():
    norm = pytest.importorskip("scipy.stats").norm
    offset = 0.5 * ((1 - 1 / 32) + (1 - 1 / 30))
    upper = norm.ppf(torch.linspace(offset, 0.5, 9)[:-1].tolist())
    lower = -norm.ppf(torch.linspace(offset, 0.5, 8)[:-1].tolist())
    values = sorted([*upper, 0.0, *lower])
    assert [value / max(values) for value in values] == pytest.approx(LEVELS, abs=1e-5)


@pytest.mark.parametrize("block", [16, 64])
def test_each_weight_has_the_nearest_level_of_its_block(block):
    weight = linear(5, 13).weight.detach()  # 65 weights: the last block is not full
    codes, factors = quantise(weight, block)
    pairs = torch.stack((codes >> 4, codes & 15), 1).flatten()
    for place, value in enumerate(weight.flatten().tolist()):
        factor = float(factors[place // block])
        best = min(abs(value - level * factor) for level in LEVELS)
        assert abs(value - LEVELS[int(pairs[place])] * factor) == pytest.approx(best, abs=1e-6)
    assert len(factors) == -(-65 // block)


def test_factors_in_eight_bits_change_little_and_take_less():
    plain = linear(64, 320)
    single, double = (Linear4(plain, Quantised(64, double)) for double in (False, True))
    apart = (single.unfolded() - double.unfolded()).norm() / plain.weight.norm()
    assert 0 < apart < 0.01
    bits = [8 * sum(value.nbytes for value in one.buffers()) / plain.weight.numel() for one in (single, double)]
    assert bits[0] == pytest.approx(4.5)
    assert bits[1] < 4.15  # 4 + 8 / 64 + 32 / (64 * 256), and the mean


def test_products_and_gradients_are_those_of_the_unfolded_matrix():
    four, x = Linear4(linear(), Quantised()), torch.randn(3, 5, 40, requires_grad=True)
    plain = nn.functional.linear(x, four.unfolded(), four.bias)
    assert torch.equal(four(x), plain)
    one, other = (torch.autograd.grad(out.sin().sum(), x)[0] for out in (four(x), plain))
    assert torch.allclose(one, other, atol=1e-6)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda value: saved.append(value) or value, lambda value: value):
        four(x)
    assert not [value for value in saved if value.numel() >= four.in_features * four.out_features]


def test_qlora_trains_only_its_lora():
    model, (tokens, _) = base().float(), batch()
    adapted = put(model, "qlora")
    model.float()
    codes = {key: value.clone() for key, value in model.named_buffers()}
    model(tokens).square().mean().backward()
    assert all(weight.grad is not None for weight in adapted.parameters())
    assert all(torch.equal(codes[key], value) for key, value in model.named_buffers())
    assert sum(isinstance(module, Linear4) for module in model.modules()) == 14
