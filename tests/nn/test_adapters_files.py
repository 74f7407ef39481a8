"""Adapters on disk: ours come back as they were, and peft reads ours and we read peft's with equal logits."""

import json

import pytest
import torch
from adapter_ground import TASKS, WORDS, base, batch, put

from lmloop.core.errors import DataError
from lmloop.core.listing import names
from lmloop.nn.adapters.dropping import drop
from lmloop.nn.adapters.files import load, restore, save
from lmloop.nn.decoder import seeded
from lmloop.nn.huggingface import write_model
from lmloop.nn.shape import from_depth

NAMES = names("methods")
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # peft asks transformers


@pytest.mark.parametrize("name", NAMES)
def test_what_is_saved_comes_back(name, tmp_path):
    model, (tokens, mask) = base(), batch()
    model.float()
    adapted = put(model, name)
    model.float()
    save(adapted, tmp_path, "some/base")
    again = load(base().float(), tmp_path, "other")
    assert again.method == adapted.method
    for one in (adapted, again):
        one.feed(mask, TASKS)
    assert torch.equal(again.model(tokens), adapted.model(tokens))
    said = json.loads((tmp_path / "adapter_config.json").read_text())
    assert "lmloop" in said or said["base_model_name_or_path"] == "some/base"
    with torch.no_grad():
        for weight in adapted.parameters():
            weight.add_(1.0)
    restore(adapted, tmp_path)
    assert torch.equal(again.model(tokens), adapted.model(tokens))


def hugging_face(folder):
    transformers = pytest.importorskip("transformers")
    shape = from_depth(2, WORDS, 64)
    write_model(folder, shape, seeded(shape, 0).state_dict(), None, None)
    return transformers.AutoModelForCausalLM.from_pretrained(folder)


@pytest.mark.parametrize("name", ["lora", "dora", "rslora", "ia3"])
def test_peft_reads_ours_with_equal_logits(name, tmp_path):
    peft = pytest.importorskip("peft")
    tokens, _ = batch()
    (tmp_path / "base").mkdir()
    adapted = put(hugging_face(tmp_path / "base").train(), name)
    adapted.model.float().eval()
    save(adapted, tmp_path / "adapter")
    theirs = peft.PeftModel.from_pretrained(hugging_face(tmp_path / "base"), tmp_path / "adapter").eval()
    with torch.no_grad():
        wanted = theirs(tokens).logits
        assert torch.allclose(adapted.model(tokens).logits, wanted, atol=1e-5)
        assert not torch.allclose(hugging_face(tmp_path / "base")(tokens).logits, wanted, atol=1e-2)


PEFT = {
    "lora": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "up_proj"]},
    "dora": {"r": 4, "lora_alpha": 8, "use_dora": True, "target_modules": "all-linear"},
    "rslora": {"r": 4, "lora_alpha": 8, "use_rslora": True, "target_modules": r".*layers\.1\..*_proj"},
    "rslora with dora": {"r": 4, "lora_alpha": 8, "use_rslora": True, "use_dora": True, "target_modules": ["v_proj"]},
}


@pytest.mark.parametrize("name", [*PEFT, "ia3"])
def test_we_read_those_of_peft_with_equal_logits(name, tmp_path):
    peft = pytest.importorskip("peft")
    tokens, _ = batch()
    (tmp_path / "base").mkdir()
    if name == "ia3":
        targets = ["k_proj", "v_proj", "down_proj"]
        settings = peft.IA3Config(target_modules=targets, feedforward_modules=["down_proj"], task_type="CAUSAL_LM")
    else:
        settings = peft.LoraConfig(**PEFT[name], task_type="CAUSAL_LM")
    theirs = peft.get_peft_model(hugging_face(tmp_path / "base"), settings).eval()
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in theirs.parameters():
            if weight.requires_grad:
                weight.add_(0.1 * torch.randn(weight.shape, generator=chance))
        theirs.save_pretrained(tmp_path / "adapter")
        ours = load(hugging_face(tmp_path / "base"), tmp_path / "adapter")
        assert torch.allclose(ours.model.eval()(tokens).logits, theirs(tokens).logits, atol=1e-5)
        decoder = load(base().float(), tmp_path / "adapter")  # our own decoder has the same names
        assert torch.allclose(decoder.model.eval()(tokens), theirs(tokens).logits, atol=1e-4)


@pytest.mark.parametrize("name", ["lora", "dora"])
def test_training_steps_are_those_of_peft_with_dropout(name, tmp_path, monkeypatch):
    peft = pytest.importorskip("peft")
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: drop(x, self.p, self.training))
    tokens, _ = batch()
    (tmp_path / "base").mkdir()
    adapted = put(hugging_face(tmp_path / "base").train(), name, dropout=0.3)
    adapted.model.float()
    save(adapted, tmp_path / "adapter")
    theirs = peft.PeftModel.from_pretrained(hugging_face(tmp_path / "base"), tmp_path / "adapter", is_trainable=True)
    theirs.train()
    found = []
    for model in (adapted.model, theirs):
        torch.manual_seed(4)  # the same draws, as both draw once a linear and in the same order
        model(tokens).logits.square().mean().backward()
        grads = {key: weight.grad for key, weight in model.named_parameters() if weight.grad is not None}
        found.append(sorted(float(grad.norm()) for grad in grads.values()))
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_what_cannot_be_read_is_told(tmp_path):
    model = base().float()
    with pytest.raises(DataError, match="holds no adapter"):
        load(model, tmp_path)
    save(put(base().float(), "lora"), tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "method.json").unlink()
    for changes, told in (
        ({"peft_type": "VERA"}, "'VERA'"),
        ({"bias": "all"}, "bias"),
        ({"rank_pattern": {"q_proj": 3}}, "rank_pattern"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights"),
        ({"r": 9}, "size"),
    ):
        (tmp_path / "adapter_config.json").write_text(json.dumps(config | changes))
        with pytest.raises(DataError, match=told):
            load(model, tmp_path)
        assert not [key for key, _ in model.named_parameters() if "adapters" in key]
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(DataError, match="cannot be read"):
        load(model, tmp_path)
