"""Models of transformers, seeded and tiny, against their own code."""

import numpy as np
import pytest
import torch
from test_nn_generation import prompts
from test_nn_scoring import alone, questions

transformers = pytest.importorskip("transformers")

from lmloop.nn.inference.drawing import Drawing  # noqa: E402
from lmloop.nn.inference.generation import Wanted  # noqa: E402
from lmloop.nn.inference.local import Mixed, Plain  # noqa: E402
from lmloop.nn.inference.opening import core_of  # noqa: E402

SIZES = {
    "vocab_size": 90,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
GEMMA = {**SIZES, "num_key_value_heads": 2, "head_dim": 16, "sliding_window": 6}
MIXED = {
    "Llama": {**SIZES, "num_key_value_heads": 2},
    "Qwen2": {**SIZES, "num_key_value_heads": 2},
    "GPTNeoX": SIZES,
    "Gemma2": GEMMA,
    "Gemma3": GEMMA,
    "Mistral": {**SIZES, "num_key_value_heads": 2, "sliding_window": 5},
    "Granite": {**SIZES, "logits_scaling": 3.0},
}
PLAIN = {
    "Bloom": {"vocab_size": 90, "hidden_size": 32, "n_layer": 2, "n_head": 4, "bos_token_id": 1, "eos_token_id": 2}
}


def model(name):
    config = getattr(transformers, f"{name}TextConfig", None) or getattr(transformers, f"{name}Config")
    torch.manual_seed(0)
    made = getattr(transformers, f"{name}ForCausalLM")(config(**{**MIXED, **PLAIN}[name])).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.1 * torch.randn(weight.shape))
    return made


@pytest.mark.parametrize("name", [*MIXED, *PLAIN])
def test_scores_and_greedy_replies_are_those_of_the_models_own_code(name):
    made = model(name)
    core = core_of(made)
    assert isinstance(core, Mixed if name in MIXED else Plain)
    pairs = questions()
    heard = {}
    found = core.score(
        [(prompt.astype(np.uint32), text.astype(np.uint32)) for prompt, text in pairs], heard.__setitem__
    )
    for one, (logprob, greedy) in zip(found, alone(lambda tokens: made(tokens).logits, pairs), strict=True):
        assert one.logprob == pytest.approx(logprob, abs=2e-5)
        assert one.greedy == greedy
    assert heard == dict(enumerate(found))
    asked = prompts()[2:6]
    heard.clear()
    written = core.write(
        [Wanted(np.array(prompt, np.uint32), Drawing(9, ends={2})) for prompt in asked], heard.__setitem__
    )
    for prompt, one in zip(asked, written, strict=True):
        tokens = torch.tensor([prompt])
        everything = {"attention_mask": torch.ones_like(tokens), "max_new_tokens": 9, "do_sample": False}
        wanted = made.generate(tokens, **everything)[0, len(prompt) :].tolist()
        assert list(one.ids) == (wanted[: wanted.index(2)] if 2 in wanted else wanted)
    assert heard == dict(enumerate(written))
    (vector,) = core.embed([np.array(asked[0], np.uint32)])
    with torch.no_grad():
        hidden = made.base_model(torch.tensor([asked[0]])).last_hidden_state[0]
    assert vector == pytest.approx(hidden.mean(0).tolist(), abs=1e-4)
    assert made.config._attn_implementation != "lmloop"


def test_what_hangs_on_the_length_of_a_text_is_read_plainly():
    config = transformers.LlamaConfig(
        **MIXED["Llama"], rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    )
    core = core_of(transformers.LlamaForCausalLM(config).eval())
    assert isinstance(core, Plain)
    assert "length of the text" in core.why
