"""Routing losses: their values and gradients, layer by layer, with padding left out; and what is told of routers."""

import math

import pytest
import torch
from adapter_ground import TASKS, base, batch, put

from lmloop.core.errors import DataError, LmloopError
from lmloop.nn.adapters import balance

LOSSES = {"mixlora": 0.01, "mola": 0.001, "pesc": 0.01, "loramoe": 0.1}


def logits(tokens=12, experts=4, seed=0):
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(tokens, experts, generator=chance, dtype=torch.float64, requires_grad=True)


def plain_switch(probabilities, chosen, counted):
    tokens = [number for number, counts in enumerate(counted) if counts]
    experts = probabilities.shape[1]
    choices = [expert for token in tokens for expert in chosen[token].tolist()]
    total = 0
    for expert in range(experts):
        share = choices.count(expert) / len(choices)
        total = total + share * sum(probabilities[token, expert] for token in tokens) / len(tokens)
    return experts * total


def plain_localized(weights, sample, first, counted, tilt):
    experts, values = weights.shape[1], []
    for number in range(max(sample) + 1):
        tokens = [token for token in range(len(sample)) if sample[token] == number and counted[token]]
        for expert in range(experts):
            fits = (expert < experts // 2) == bool(first[tokens[0]])
            values.append((1 + tilt if fits else 1 - tilt) * sum(weights[token, expert] for token in tokens))
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1) / mean**2


def same(ours, plain, leaf):
    assert torch.allclose(ours, plain, atol=1e-10)
    one, other = (torch.autograd.grad(loss, leaf, retain_graph=True)[0] for loss in (ours, plain))
    assert one.abs().max() > 0
    assert torch.allclose(one, other, atol=1e-10)


def test_the_switch_loss_and_its_gradient():
    x, counted = logits(), torch.arange(12) % 3 != 0
    probabilities = x.softmax(-1)
    chosen = probabilities.topk(2).indices
    found = balance.switch(probabilities, chosen, counted)
    same(found, plain_switch(probabilities, chosen, counted.tolist()), x)
    assert not torch.autograd.grad(found, x)[0][~counted].any()
    even = torch.full((8, 4), 0.25)
    assert balance.switch(even, torch.arange(8)[:, None] % 4, None) == pytest.approx(1.0)
    collapsed = torch.zeros(8, 1, dtype=torch.long)
    assert balance.switch(torch.eye(4)[collapsed[:, 0]], collapsed, None) == 4.0


def test_the_localized_loss_and_its_gradient():
    x, counted = logits(), torch.arange(12) % 5 != 4
    sample, first = torch.arange(12) // 4, torch.arange(12) // 4 == 1
    weights = x.softmax(-1)
    found = balance.localized(weights, (sample, 3), first, counted, 0.1)
    same(found, plain_localized(weights, sample.tolist(), first.tolist(), counted.tolist(), 0.1), x)
    assert not torch.autograd.grad(found, x)[0][~counted].any()
    # a sample of nothing but padding is none
    padded = counted & (sample != 2)
    only = balance.localized(weights[:8], (sample[:8], 2), first[:8], counted[:8], 0.1)
    assert torch.allclose(balance.localized(weights, (sample, 3), first, padded, 0.1), only)


def test_the_z_loss_and_its_gradient():
    x, counted = logits(), torch.arange(12) < 7
    plain = sum(math.e * 0 + torch.log(x[token].exp().sum()) ** 2 for token in range(7)) / 7
    same(balance.z(x, counted), plain, x)
    same(balance.z(x[:7], None), plain, x)


@pytest.mark.parametrize("name", LOSSES)
def test_every_router_has_a_loss_of_its_own_and_padding_has_no_part_in_it(name):
    adapted, (tokens, mask) = put(base(), name), batch()
    routers = {place: rider.router for place, rider in adapted.riders().items() if getattr(rider, "router", None)}
    read = {}
    for place, router in routers.items():
        router.register_forward_hook(lambda _, given, out, place=place: read.update({place: (given[0], out)}))
    adapted.feed(mask, TASKS)
    adapted.model(tokens)
    losses = {place: loss for (_, place), loss in adapted.frame.losses.items()}
    assert losses.keys() == routers.keys()
    row = torch.arange(33) // 11
    for place, router in routers.items():
        x, weighed = read[place]
        probabilities = (x @ router.weight.T).softmax(-1)
        if name == "loramoe":
            first = TASKS[row] == 1
            wanted = plain_localized(probabilities, row.tolist(), first.tolist(), mask.flatten().tolist(), 0.1)
        else:
            wanted = plain_switch(probabilities, weighed.chosen_NK, mask.flatten().tolist())
        same(losses[place], LOSSES[name] * wanted, router.weight)
    total = torch.stack(list(losses.values())).sum()
    found = adapted.aux_loss()
    assert torch.allclose(found, total if name == "loramoe" else total / len(routers))
    assert adapted.aux_loss() == 0, "they are forgotten once they were asked for"
    adapted.model.eval()
    adapted.model(tokens)
    assert adapted.aux_loss() == 0


def test_samples_in_a_packed_row_are_samples():
    adapted, (tokens, _) = put(base(), "loramoe"), batch(2, 12)
    tokens = tokens[:1]
    documents = torch.tensor([[0] * 5 + [1] * 4 + [0] * 3])
    kinds = torch.tensor([[1] * 5 + [0] * 4 + [1] * 3])
    adapted.feed(torch.ones(1, 12), kinds, documents)
    sample, count = adapted.frame.samples(12)
    assert (sample.tolist(), count) == ([0] * 5 + [1] * 4 + [0] * 3, 2)
    adapted.model(tokens)
    assert adapted.aux_loss() > 0
    adapted.feed(torch.ones(1, 12), None)
    with pytest.raises(DataError, match="kind of each sample"):
        adapted.model(tokens)


def test_what_is_told_of_routers():
    adapted, (tokens, mask) = put(base(), "mola"), batch()
    adapted.feed(mask, TASKS)
    place = "model.layers.1.mlp.up_proj"
    adapted.model(tokens)
    assert adapted.routing() == {}
    with adapted.watching(), torch.no_grad():
        adapted.model(tokens)
        adapted.model(tokens)
    told = adapted.routing()[place]
    assert told["tokens"] == 2 * int(mask.sum())
    assert sum(told["load"]) == pytest.approx(1, abs=1e-5)
    assert 0 < told["token_entropy"] <= 0.5 < told["load_entropy"] <= 1  # two of four: half of the entropy at most
    mixed = [
        (11 * one + int(mask[1:].sum()) * other) / int(mask.sum())
        for one, other in zip(told["tasks"][0], told["tasks"][1], strict=True)
    ]
    assert mixed == pytest.approx(told["load"], abs=1e-5)
    adapted.model(tokens)
    assert adapted.routing()[place] == told, "only what is watched is counted"
    alike = adapted.similarity()[place]
    rider = adapted.riders()[place]
    deltas = [(rider.B[expert].T @ rider.A[expert]).detach().flatten() for expert in (0, 1)]
    assert alike[0][0] == pytest.approx(1, abs=1e-4)
    assert alike[0][1] == pytest.approx(float(torch.cosine_similarity(*deltas, dim=0)), abs=1e-3)


def test_heads_are_counted_with_their_token():
    adapted, (tokens, mask) = put(base(), "mov"), batch()
    adapted.feed(mask, TASKS)
    with adapted.watching():
        adapted.model(tokens)
    told = adapted.routing()
    heads = adapted.riders()["model.layers.0.self_attn.k_proj"].vectors.shape[0]
    assert told["model.layers.0.self_attn.k_proj"]["tokens"] == heads * int(mask.sum())
    assert told["model.layers.0.mlp.down_proj"]["tokens"] == int(mask.sum())


def test_tasks_that_are_missing_or_unknown_are_told():
    adapted, (tokens, mask) = put(base(), "moelora"), batch()
    adapted.feed(mask)
    with pytest.raises(DataError, match="by task"):
        adapted.model(tokens)
    adapted.feed(mask, torch.tensor([0, 1, 3]))
    with pytest.raises(LmloopError, match="tasks 0 to 2, but was given 3"):
        adapted.model(tokens)
