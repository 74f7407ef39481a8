"""Experts go where the first gradient is long, and none is lost in rounding."""

from itertools import pairwise

import pytest
import torch
from adapter_ground import base, batch, put
from hypothesis import given
from hypothesis import strategies as st

from lmloop.nn.adapters.allocation import allocate, layer_needs


def test_the_longer_gradient_gets_more():
    adapted, (tokens, _) = put(base(), "lora", shake=False), batch()
    with torch.no_grad():  # what the first layer changes is nearly nothing
        adapted.model.model.layers[0].mlp.down_proj.weight.mul_(1e-3)
        adapted.model.model.layers[0].self_attn.o_proj.weight.mul_(1e-3)
    adapted.model(tokens).square().mean().backward()
    needs = layer_needs(adapted)
    wanted = [0.0, 0.0]
    for name, weight in adapted.named_parameters().items():
        wanted[int(name.split(".")[2])] += float(weight.grad.square().sum())
    assert needs == pytest.approx([square**0.5 for square in wanted], rel=1e-5)
    experts = allocate(needs, 10)
    assert sum(experts) == 10
    assert (experts[0] > experts[1]) == (needs[0] > needs[1])
    assert put(base(), "mola", experts=experts).trainable


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(0, 200), st.integers(0, 3))
def test_all_are_given_out(needs, more, least):
    total = least * len(needs) + more
    counts = allocate(needs, total, least)
    assert sum(counts) == total
    assert min(counts) >= least
    order = sorted(range(len(needs)), key=lambda layer: needs[layer])
    assert all(counts[low] <= counts[high] + 1 for low, high in pairwise(order))
