"""Other decoders than ours: feed-forwards in every known form, and two ways of computing experts that agree."""

import pytest
import torch
from adapter_ground import TASKS, base, batch, method, put

from lmloop.core.errors import DataError, RecipeError
from lmloop.nn.adapters.attach import attach
from lmloop.nn.adapters.feedforward import FeedForwardRider
from lmloop.nn.adapters.layout import places

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 90,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
FAMILIES = {
    "LlamaConfig": (14, 2),
    "MistralConfig": (14, 2),
    "GemmaConfig": (14, 2),
    "Phi3Config": (8, 2),
    "PhiConfig": (12, 2),
    "GPTNeoXConfig": (8, 2),
}
"""By family: linears in the layers, and feed-forward blocks."""


def model_of(name):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = getattr(transformers, name)(**SMALL, use_cache=False)
    return transformers.AutoModelForCausalLM.from_config(config).double()


@pytest.mark.parametrize("name", FAMILIES)
def test_places_of_other_families(name):
    found = places(model_of(name))
    blocks = [place for place in found if place.part == "block"]
    assert (len(found) - len(blocks), len(blocks)) == FAMILIES[name]
    assert {place.layers for place in found} == {2}
    inside = {place.role for place in found if place.part == "ffn"}
    assert len(inside) * 2 == sum(place.part == "ffn" for place in found)
    names = {block.layer: block.name for block in blocks}
    assert all(names[linear.layer] in linear.name for linear in found if linear.part == "ffn")


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("use", ["lora", "mixlora", "pesc", "molora"])
def test_methods_sit_on_other_families(name, use):
    model, (tokens, mask) = model_of(name), batch()
    wanted = model(tokens, attention_mask=mask.long()).logits
    adapted = attach(model, method(use))
    model.double()
    adapted.feed(mask, TASKS)
    found = model.train()(tokens, attention_mask=mask.long()).logits
    assert torch.allclose(found, wanted, atol=1e-10)
    (found[mask].square().mean() + adapted.aux_loss()).backward()
    assert all(weight.grad is not None for weight in adapted.parameters())
    with torch.no_grad():
        for weight in adapted.parameters():
            weight.add_(0.1)
    assert not torch.allclose(model(tokens, attention_mask=mask.long()).logits, wanted, atol=1e-3)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_sorted_experts_are_those_of_plain_passes(dropout, monkeypatch):
    tokens, mask = batch()
    found = []
    for way in ("_sorted", "_every"):
        if way == "_every":
            monkeypatch.setattr(
                FeedForwardRider, "_sorted", lambda self, opened, x, weighed: self._every(opened, x, weighed, None)
            )
        adapted = put(base(), "mixlora", dropout=dropout)
        adapted.feed(mask, TASKS)
        torch.manual_seed(3)
        out = adapted.model(tokens)
        (out[mask].sin().mean() + adapted.aux_loss()).backward()
        found.append([out, *(weight.grad for weight in adapted.parameters())])
    assert all(torch.allclose(one, other, atol=1e-12) for one, other in zip(*found, strict=True))


def test_experts_without_tokens_get_no_gradient():
    adapted, (tokens, mask) = put(base(), "mixlora", experts=4), batch()
    rider = adapted.riders()["model.layers.0.mlp"]
    with torch.no_grad():
        rider.router.weight.zero_()  # all are level, and the same two are taken for every token
    adapted.feed(mask)
    adapted.model(tokens).square().mean().backward()
    used = [bool(rider.B_up.grad[expert].any()) for expert in range(4)]
    assert sum(used) == 2
    assert torch.isfinite(torch.stack([weight.grad.sum() for weight in adapted.parameters()])).all()


def test_models_without_known_places_are_refused():
    with pytest.raises(DataError, match="no layers with linears"):
        attach(torch.nn.Sequential(torch.nn.Linear(2, 2)), method("lora"))
    model = model_of("LlamaConfig")
    for layer in model.model.layers:
        layer.mlp.more = torch.nn.Linear(2, 2)
    with pytest.raises(RecipeError, match="no feed-forward block"):
        attach(model, method("mixlora"))
    attach(model, method("lora", targets=["q_proj"]))
