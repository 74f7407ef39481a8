import json
from dataclasses import replace

import pytest
import torch

from lmloop.core.errors import DataError
from lmloop.nn.decoder import seeded
from lmloop.nn.huggingface import load_model, read_config, write_model
from lmloop.nn.shape import Stretch, from_depth

SHAPE = from_depth(2, 90, 64)
FORMS = {
    "qwen3": {},
    "qwen3 untied, one key head": {"tied": False, "kv_heads": 1},
    "llama": {"qk_norm": False, "tied": False},
    "llama stretched": {"qk_norm": False, "stretch": Stretch("llama3", 8.0, 1.0, 4.0, 32)},
    "llama linear": {"qk_norm": False, "stretch": Stretch("linear", 2.0)},
    "qwen2": {"qk_norm": False, "qkv_bias": True},
    "qwen3 with ReGLU": {"activation": "relu"},
}


def shaken(shape, seed=3):
    """A model none of whose weights is at a value that hides a mistake."""
    model = seeded(shape, seed)
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=chance))
    return model.eval()


@pytest.mark.parametrize("form", FORMS)
def test_transformers_gives_the_same_logits_and_we_read_what_it_writes(form, tmp_path):
    transformers = pytest.importorskip("transformers")
    shape = replace(SHAPE, **FORMS[form])
    model = shaken(shape)
    (tmp_path / "ours").mkdir()
    write_model(tmp_path / "ours", shape, model.state_dict(), 1, 2)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours")
    assert sum(weight.numel() for weight in model.parameters()) == shape.parameters
    tokens = torch.randint(0, 90, (2, 50), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = theirs(tokens).logits
        assert torch.allclose(model(tokens), wanted, atol=1e-4)
        theirs.save_pretrained(tmp_path / "theirs", max_shard_size="200KB")
        assert len(list((tmp_path / "theirs").glob("*.safetensors"))) > 1
        again = load_model(tmp_path / "theirs")
        assert again.shape == shape
        assert torch.allclose(again(tokens), wanted, atol=1e-4)


def test_what_is_no_model_of_ours_is_told(tmp_path):
    with pytest.raises(DataError, match="holds no model"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(DataError, match="'gpt2'"):
        read_config(tmp_path)
    write_model(tmp_path, SHAPE, shaken(SHAPE).state_dict(), None, None)
    said = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**said, "num_hidden_layers": 3}))
    with pytest.raises(DataError, match=r"weights are missing, model\.layers\.2"):
        load_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(DataError, match="cannot be read"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**said, "attention_bias": True}))
    with pytest.raises(DataError, match="attention_bias"):
        read_config(tmp_path)
