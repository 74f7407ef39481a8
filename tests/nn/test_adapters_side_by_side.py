"""Several adapters on one base, batches divided among them, and gradient checkpointing."""

from functools import partial

import pytest
import torch
from adapter_ground import TASKS, base, batch, method, put
from test_adapters_files import hugging_face
from torch.utils.checkpoint import checkpoint

from lmloop.core.errors import DataError, LmloopError
from lmloop.core.listing import names
from lmloop.nn.adapters.attach import attach

NAMES = [name for name in names("methods") if name != "qlora"]


def shaken(model, name, under, seed):
    adapted = attach(model, method(name), seed, under)
    model.double()
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in adapted.parameters():
            weight.add_(0.2 * torch.randn(weight.shape, generator=chance, dtype=weight.dtype))
    return adapted


def test_each_row_has_its_own_adapter():
    tokens, mask = batch(5)
    model, alone = base(), {}
    for seed, name in enumerate(("mixlora", "lora", "moelora")):
        adapted = shaken(model, name, name, seed)
        lonely = shaken(base(), name, name, seed)
        tasks = torch.tensor([0, 1, 2, 1, 0])
        lonely.feed(mask, tasks)
        alone[name] = lonely.model(tokens)
    alone[None] = base()(tokens)
    rows = ["lora", "mixlora", None, "moelora", "mixlora"]
    adapted.feed(mask, tasks)
    with adapted.active(rows):
        found = model(tokens)
    for row, name in enumerate(rows):
        assert torch.allclose(found[row], alone[name][row], atol=1e-10), name
    with adapted.active(rows[:2]), pytest.raises(DataError, match="2 adapters were named for a batch of 5"):
        model(tokens)
    with pytest.raises(LmloopError, match="no adapter 'lroa'"), adapted.active(["lora", "lroa"]):
        pass


def test_adapters_are_trained_side_by_side_and_do_not_disturb_each_other():
    tokens, mask = batch()
    model = base()
    one, other = shaken(model, "lora", "one", 1), shaken(model, "mixlora", "other", 2)
    one.feed(mask)
    with one.active("one"):
        model(tokens).square().mean().backward()
    assert all(weight.grad is not None for weight in one.parameters())
    assert all(weight.grad is None for weight in other.parameters())
    one.remove()
    with other.active("other"):
        lonely = shaken(base(), "mixlora", "other", 2)
        lonely.feed(mask)
        assert torch.allclose(model(tokens), lonely.model(tokens))
    with pytest.raises(LmloopError, match="'other' sits on this model already"):
        attach(model, method("lora"), name="other")
    with pytest.raises(LmloopError, match="no name"):
        attach(model, method("lora"), name="a.b")


def grads(adapted, tokens, mask):
    for weight in adapted.parameters():
        weight.grad = None
    adapted.feed(mask, TASKS)
    out = adapted.model(tokens)
    out = out if isinstance(out, torch.Tensor) else out.logits
    (out[mask].square().mean() + adapted.aux_loss()).backward()
    return [weight.grad.clone() for weight in adapted.parameters()]


@pytest.mark.parametrize("name", NAMES)
def test_recomputed_layers_give_the_same_gradients(name):
    adapted, (tokens, mask) = put(base(), name), batch()
    wanted = grads(adapted, tokens, mask)
    adapted.checkpointing()
    found = grads(adapted, tokens, mask)
    assert all(torch.allclose(one, other, atol=1e-12) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("name", ["mixlora", "moelora"])
def test_recomputed_layers_of_transformers_too(name, tmp_path):
    adapted, (tokens, mask) = put(hugging_face(tmp_path).double().train(), name), batch()
    adapted.model.config.use_cache = False
    wanted = grads(adapted, tokens, mask)
    adapted.checkpointing()
    found = grads(adapted, tokens, mask)
    assert all(torch.allclose(one, other, atol=1e-12) for one, other in zip(found, wanted, strict=True))


def test_a_layer_is_recomputed_with_the_inputs_it_had():
    tokens, mask = batch()
    model = base()
    one, other = shaken(model, "mixlora", "one", 1), shaken(model, "moelora", "other", 2)
    wanted = []
    for recompute in (False, True):
        if recompute:
            one.checkpointing()
        total = 0
        for adapted in (one, other):  # both passes before the one backward pass
            adapted.feed(mask, TASKS)
            with adapted.active(adapted.name):
                total = total + model(tokens).square().mean() + adapted.aux_loss()
        one.feed(None, None)
        with one.active(None), torch.no_grad():
            model(tokens)
        total.backward()
        weights = [*one.parameters(), *other.parameters()]
        wanted.append([weight.grad for weight in weights])
        for weight in weights:
            weight.grad = None
    assert all(torch.allclose(found, plain, atol=1e-12) for found, plain in zip(*wanted, strict=True))


def test_reentrant_checkpoints_are_refused(tmp_path):
    adapted, (tokens, mask) = put(hugging_face(tmp_path).double().train(), "mixlora"), batch()
    adapted.model.activation_checkpointing_enable({"use_reentrant": True})
    with pytest.raises(LmloopError, match="reentrant"):
        adapted.feed(mask)
    adapted = put(base(), "mixlora")
    for layer in adapted.model.model.layers:
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=True)
    adapted.feed(mask)
    adapted.model.model.embed_tokens.weight.requires_grad_(True)
    adapted.model(tokens)
    with pytest.raises(LmloopError, match="reentrant"):
        adapted.aux_loss()


@pytest.mark.parametrize("name", ["mixlora", "moelora", "mov", "loramoe"])
def test_transformers_writes_with_them(name, tmp_path):
    adapted, (tokens, _) = put(hugging_face(tmp_path).eval(), name), batch()
    adapted.model.float()
    adapted.feed(torch.ones(3, 11), TASKS)
    settings = {"max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}
    cached = adapted.model.generate(tokens, attention_mask=torch.ones_like(tokens), **settings)
    plain = adapted.model.generate(tokens, attention_mask=torch.ones_like(tokens), use_cache=False, **settings)
    assert cached.shape == (3, 16)
    assert torch.equal(cached, plain)


@pytest.mark.parametrize("name", ["lora", "mixlora", "mola", "pesc", "mov"])
def test_half_precision_computes_in_half_and_learns_in_full(name):
    adapted, (tokens, mask) = put(base(), name), batch()
    adapted.model.float()
    adapted.feed(mask, TASKS)
    full = adapted.model(tokens)
    with torch.autocast("cpu", torch.bfloat16):
        half = adapted.model(tokens)
        loss = half[mask].float().square().mean() + adapted.aux_loss()
    loss.backward()
    assert half.dtype == torch.bfloat16
    assert all(weight.grad is not None and weight.grad.dtype == torch.float32 for weight in adapted.parameters())
    apart = (half.float() - full).norm(dim=-1) / full.norm(dim=-1)
    assert apart.median() < 0.05  # of most: where two experts are nearly level, rounding can choose the other
    model = base().to(torch.bfloat16)
    small = attach(model, method(name))
    assert {weight.dtype for weight in small.parameters()} == {torch.float32}
    small.feed(mask, TASKS)
    (model(tokens).float().square().mean() + small.aux_loss()).backward()
