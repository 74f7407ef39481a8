"""Each method computes what its paper says, begins as the bare model, and trains what it should."""

import pytest
import torch
from adapter_ground import TASKS, base, batch, gates, low_rank, method, put
from torch.nn import functional as F

from lmloop.core.listing import names

NAMES = [name for name in names("methods") if name != "qlora"]


@pytest.mark.parametrize("name", NAMES)
def test_it_begins_as_the_bare_model_and_leaves_it_as_it_was(name):
    model, (tokens, mask) = base(), batch()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    wanted = model(tokens)
    adapted = put(model, name, shake=False)
    adapted.feed(mask, TASKS)
    assert torch.allclose(model(tokens), wanted, atol=1e-12)
    with adapted.active(None):
        assert torch.equal(model(tokens), wanted)
    adapted.remove()
    assert torch.equal(model(tokens), wanted)
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize("name", NAMES)
def test_all_of_it_is_trained_and_nothing_else(name):
    model, (tokens, mask) = base(), batch()
    adapted = put(model, name)
    adapted.feed(mask, TASKS)
    (model(tokens)[mask].square().mean() + adapted.aux_loss()).backward()
    mine = {id(weight) for weight in adapted.parameters()}
    for key, weight in model.named_parameters():
        assert weight.requires_grad == (id(weight) in mine), key
    touched = {
        key: weight.grad is not None and bool(weight.grad.any()) for key, weight in adapted.named_parameters().items()
    }
    assert all(touched.values()), [key for key, done in touched.items() if not done]
    assert adapted.trainable == sum(weight.numel() for weight in adapted.parameters())


def output_of(adapted, place, x, tasks=TASKS):
    """What the module at a place gives for x (B, T, I)."""
    adapted.feed(None, tasks)
    return adapted.model.get_submodule(place)(x)


def inputs(width, seed=7):
    return torch.randn(3, 4, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


LINEAR = "model.layers.1.mlp.up_proj"
ON_LINEARS = {
    "lora": (4.0 / 2, None),
    "lora-plus": (4.0 / 2, None),
    "rslora": (4.0 / 2**0.5, None),
    "mola": (4.0 / 2, 2),
    "loramoe": (4.0 / 2, 0),
    "molora": (4.0 / 2, 0),
}


@pytest.mark.parametrize("name", ON_LINEARS)
def test_changes_of_a_linear(name):
    scale, top_k = ON_LINEARS[name]
    adapted = put(base(), name, rank=2, alpha=4.0)
    rider, linear = adapted.riders()[LINEAR], adapted.model.get_submodule(LINEAR)
    x = inputs(linear.in_features)
    found = output_of(adapted, LINEAR, x)
    for row in range(3):
        for place in range(4):
            token = x[row, place]
            weighed = {0: 1.0} if top_k is None else gates(rider.router.weight @ token, top_k)
            wanted = linear.weight @ token
            for expert, gate in weighed.items():
                wanted = wanted + gate * low_rank(token, rider.A[expert], rider.B[expert], scale)
            assert torch.allclose(found[row, place], wanted, atol=1e-10)


def test_mola_has_more_experts_in_higher_layers():
    riders = put(base(), "mola", experts="24").riders()
    counts = {place: len(rider.A) for place, rider in riders.items()}
    assert {counts[place] for place in counts if ".layers.0." in place} == {2}
    assert {counts[place] for place in counts if ".layers.1." in place} == {4}
    assert len(counts) == 14


def test_moelora_weighs_by_task_with_one_gate_for_the_model():
    adapted = put(base(), "moelora")
    rider, linear, gate = adapted.riders()[LINEAR], adapted.model.get_submodule(LINEAR), adapted.gate()
    x = inputs(linear.in_features)
    found = output_of(adapted, LINEAR, x, torch.tensor([2, 0, 1]))
    for row, task in enumerate((2, 0, 1)):
        weighed = gates(gate.weight @ gate.table[task], None)
        for place in range(4):
            wanted = linear.weight @ x[row, place]
            for expert, weight in weighed.items():
                # alpha 32 over the TOTAL rank 8, though each expert has rank 2
                wanted = wanted + weight * low_rank(x[row, place], rider.A[expert], rider.B[expert], 32 / 8)
            assert torch.allclose(found[row, place], wanted, atol=1e-10)
    by_place = output_of(adapted, LINEAR, x, torch.tensor([2, 0, 1])[:, None].expand(3, 4))
    assert torch.allclose(by_place, found)
    two = output_of(adapted, LINEAR, x, torch.tensor([[1.0, 0, 1], [1, 0, 1], [1, 0, 1]], dtype=torch.float64))
    weighed = gates(gate.weight @ (gate.table[0] + gate.table[2]) / 2, None)
    wanted = linear.weight @ x[0, 0] + sum(
        weight * low_rank(x[0, 0], rider.A[expert], rider.B[expert], 4.0) for expert, weight in weighed.items()
    )
    assert torch.allclose(two[0, 0], wanted, atol=1e-10)
    assert len([key for key in adapted.named_parameters() if "gate" in key.split(".")[0]]) == 2


def test_dora_brings_rows_to_a_learned_length():
    adapted = put(base(), "dora", rank=2, alpha=4.0)
    rider, linear = adapted.riders()[LINEAR], adapted.model.get_submodule(LINEAR)
    x = inputs(linear.in_features)
    changed = linear.weight + 2.0 * rider.B[0].T @ rider.A[0]
    length = changed.norm(dim=1, keepdim=True)
    wanted = x @ (rider.magnitude[:, None] * changed / length.detach()).T
    found = output_of(adapted, LINEAR, x)
    assert torch.allclose(found, wanted, atol=1e-10)
    parts = (rider.A, rider.B, rider.magnitude)
    pairs = zip(
        torch.autograd.grad(found.sin().sum(), parts), torch.autograd.grad(wanted.sin().sum(), parts), strict=True
    )
    assert all(torch.allclose(one, other, atol=1e-9) for one, other in pairs)


@pytest.mark.parametrize("name", ["ia3", "mov"])
def test_factors_of_keys_and_of_inner_values(name):
    adapted = put(base(), name)
    for place, side in (("model.layers.0.self_attn.k_proj", "output"), ("model.layers.0.mlp.down_proj", "input")):
        rider, linear = adapted.riders()[place], adapted.model.get_submodule(place)
        x = inputs(linear.in_features)
        values = x if side == "input" else x @ linear.weight.T
        heads, _, width = rider.vectors.shape
        assert heads == (linear.out_features // 32 if name == "mov" and side == "output" else 1)
        wanted = torch.empty_like(values)
        for head in range(heads):
            part = values[..., head * width : (head + 1) * width]
            for row in range(3):
                for at in range(4):
                    weighed = {0: 1.0} if name == "ia3" else gates(rider.router.weight @ part[row, at], None)
                    factor = sum(gate * rider.vectors[head, expert] for expert, gate in weighed.items())
                    wanted[row, at, head * width : (head + 1) * width] = part[row, at] * factor
        wanted = wanted if side == "output" else wanted @ linear.weight.T
        assert torch.allclose(output_of(adapted, place, x), wanted, atol=1e-10)


def test_mixlora_is_a_mixture_of_whole_feed_forwards():
    adapted, place = put(base(), "mixlora", alpha=6.0), "model.layers.1.mlp"
    rider, block = adapted.riders()[place], adapted.model.get_submodule(place)
    x = inputs(block.gate_proj.in_features)
    found = output_of(adapted, place, x)
    for row in range(3):
        for at in range(4):
            token, wanted = x[row, at], 0
            for expert, gate in gates(rider.router.weight @ token, 2).items():
                inner = {}
                for name in ("gate", "up"):
                    A, B = getattr(rider, f"A_{name}")[expert], getattr(rider, f"B_{name}")[expert]
                    inner[name] = getattr(block, f"{name}_proj").weight @ token + low_rank(token, A, B, 2.0)
                h = F.silu(inner["gate"]) * inner["up"]
                out = block.down_proj.weight @ h + low_rank(h, rider.A_down[expert], rider.B_down[expert], 2.0)
                wanted = wanted + gate * out
            assert torch.allclose(found[row, at], wanted, atol=1e-10)
    attention = [place for place in adapted.riders() if "self_attn" in place]
    assert len(attention) == 8


def test_pesc_stands_behind_the_feed_forward():
    adapted, place = put(base(), "pesc", scale=0.5, targets=["q_proj"]), "model.layers.0.mlp"
    rider, block = adapted.riders()[place], adapted.model.get_submodule(place)
    x = inputs(block.gate_proj.in_features)
    found = output_of(adapted, place, x)
    for row in range(3):
        for at in range(4):
            token = x[row, at]
            h = block.down_proj.weight @ (F.silu(block.gate_proj.weight @ token) * (block.up_proj.weight @ token))
            wanted = h
            for expert, gate in gates(rider.router.weight @ token, 2).items():
                wanted = wanted + 0.5 * gate * (rider.U[expert].T @ F.gelu(rider.D[expert] @ h))
            assert torch.allclose(found[row, at], wanted, atol=1e-10)


def test_lora_plus_learns_b_faster():
    groups = put(base(), "lora-plus").groups(1e-4)
    assert [group["lr"] for group in groups] == [1e-4, pytest.approx(16e-4)]
    assert all(weight.shape[-1] for weight in groups[0]["params"])
    assert len(groups[0]["params"]) == len(groups[1]["params"]) == 14


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_adapter(name):
    one, two = (put(base(), name, shake=False).named_parameters() for _ in range(2))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_the_defaults_are_those_of_the_papers():
    assert {name: method_defaults(name) for name in ("mixlora", "moelora", "molora", "loramoe", "mola", "pesc")} == {
        "mixlora": (8, 16, 32.0, 0.05),
        "moelora": (8, 16, 32.0, 0.1),
        "molora": (10, 4, 16.0, 0.0),
        "loramoe": (8, 4, 32.0, 0.05),
        "mola": ("2468", 8, 16.0, 0.05),
        "pesc": (8, 64, 16.0, 0.1),
    }


def method_defaults(name):
    from lmloop.core.part import build

    part = build("methods", name)
    return part.experts, part.rank, part.alpha, part.dropout


def test_bad_settings_are_told():
    from lmloop.core.errors import LmloopError

    for name, changes, told in (
        ("lora", {"targets": ["q_porj"]}, "q_porj"),
        ("lora", {"targets": ["("]}, "regular expression"),
        ("mola", {"experts": "024"}, "at least one expert"),
        ("mola", {"experts": [2, 2, 2]}, "3 layers, but the model has 2"),
        ("moelora", {"rank": 9}, "multiple of experts"),
        ("ia3", {"outputs": [], "inputs": []}, "name some"),
    ):
        with pytest.raises(LmloopError, match=told):
            put(base(), name, **changes)
    assert method("lora").rank == 8
