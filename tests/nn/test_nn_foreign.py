"""Decoders of other families are tuned as our own are: held against ``transformers`` and against our decoder."""

import numpy as np
import pytest
import torch

from lmloop.core.errors import DataError
from lmloop.core.rows import IGNORED, NOBODY, Rows
from lmloop.methods.lora import Lora
from lmloop.methods.mixlora import Mixlora
from lmloop.nn.foreign import open_foreign
from lmloop.nn.goals.settings import Dpo, Sft
from lmloop.nn.huggingface import foreign_shape
from lmloop.nn.opening import is_ours, open_plain
from lmloop.nn.policy import Policy
from lmloop.nn.tuned import open_policy
from lmloop.nn.tuning import Tuning

transformers = pytest.importorskip("transformers")
SMALL = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
CONFIGS = {
    "gpt2": lambda: transformers.GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=2, n_positions=64),
    "gemma2": lambda: transformers.Gemma2Config(
        **SMALL, intermediate_size=64, num_key_value_heads=1, head_dim=16, sliding_window=32
    ),
    "gpt-neox": lambda: transformers.GPTNeoXConfig(**SMALL, intermediate_size=64, max_position_embeddings=64),
    "llama": lambda: transformers.LlamaConfig(**SMALL, intermediate_size=64, num_key_value_heads=1),
}


def written(folder, family):
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(CONFIGS[family]()).save_pretrained(folder)
    return folder


def packed():
    chance = np.random.default_rng(0)
    tokens, targets = chance.integers(0, 60, (2, 2, 16))
    documents = np.array([[0] * 5 + [1] * 8 + [NOBODY] * 3] * 2)
    positions = np.array([[*range(5), *range(8), *range(3)]] * 2)
    targets = np.where((documents == NOBODY) | (positions < 2), IGNORED, targets)
    return Rows(tokens, targets, positions, documents, {"tasks": np.zeros_like(tokens)})


@pytest.mark.parametrize("family", CONFIGS)
def test_packed_rows_give_the_loss_that_each_text_gives_alone(tmp_path, family):
    model, rows = open_foreign(written(tmp_path, family)), packed()
    assert foreign_shape(tmp_path).layers == 2
    assert is_ours(tmp_path) == (family == "llama")
    loss, _ = Tuning(Policy(model.eval()), Sft())(*Tuning(Policy(model), Sft()).arguments(rows, torch.device("cpu")))
    wanted = 0.0
    for row in range(2):
        for document in (0, 1):
            inside = rows.documents_BT[row] == document
            logits = model.causal(input_ids=torch.from_numpy(rows.tokens_BT[row, inside])[None]).logits[0]
            targets = torch.from_numpy(rows.targets_BT[row, inside])
            wanted += torch.nn.functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum").item()
    assert loss.item() == pytest.approx(wanted, rel=1e-4)
    if family == "llama":
        ours = Policy(open_plain(tmp_path).eval())
        other, _ = Tuning(ours, Sft())(*Tuning(ours, Sft()).arguments(rows, torch.device("cpu")))
        assert other.item() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(("family", "method"), [("gemma2", Mixlora(experts=2, rank=2)), ("gpt-neox", Lora(rank=2))])
def test_adapters_sit_on_them_and_recomputing_changes_nothing(tmp_path, family, method):
    gradients = []
    for recompute in (False, True):
        tuning = Tuning(open_policy(written(tmp_path, family), method, Dpo(), 1), Sft())
        tuning.recompute(recompute)
        torch.manual_seed(3)
        loss, _ = tuning.train()(*tuning.arguments(packed(), torch.device("cpu")))
        loss.backward()
        gradients.append([weight.grad for weight in tuning.policy.adapted.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_a_model_that_is_none_is_told(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "none", "hidden_size": 8}')
    with pytest.raises(DataError, match="holds no model"):
        foreign_shape(tmp_path)
    with pytest.raises(DataError, match="cannot be opened"):
        open_foreign(tmp_path)
