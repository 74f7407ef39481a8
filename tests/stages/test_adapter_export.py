"""Adapters in other forms: what comes out computes what went in, for us and for the libraries it is made for."""

import json
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import pytest

from lmloop import run
from lmloop.core.errors import LmloopError
from lmloop.core.model import Sampling
from lmloop.core.record import Turn
from lmloop.core.weights import model_spec, open_model
from lmloop.core.weights import write_model as name_model

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")
METHODS = {
    "lora": {"use": "lora", "rank": 4, "alpha": 8.0},
    "moelora": {"use": "moelora", "experts": 4, "rank": 8, "tasks": 2, "task_width": 5},
    "molora": {"use": "molora", "experts": 3, "rank": 2},
    "mov": {"use": "mov", "experts": 3},
}
GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
IDS = torch.arange(24)[None] * 5 % 200


@pytest.fixture
def place(tmp_path):
    """A tiny model with an adapter of each kind beside it."""
    from lmloop.kernels.tokenizing import FILE, Tokenizer
    from lmloop.kernels.tokenizing.toy import byte_tokenizer
    from lmloop.nn.decoder import seeded
    from lmloop.nn.huggingface import write_model
    from lmloop.nn.shape import from_depth
    from lmloop.nn.tiny_adapter import write_tiny

    base = tmp_path / "model"
    base.mkdir()
    copyfile(byte_tokenizer(), base / FILE)
    shape = replace(from_depth(2, Tokenizer.load(base).vocab_size, 128), qk_norm=False)
    write_model(base, shape, seeded(shape, 0).state_dict(), None, None)
    for name, spec in METHODS.items():
        write_tiny(base, spec, 0, name)
        copyfile(base / FILE, base / name / FILE)
        name_model(base / name, {"use": "lmloop"})
    return tmp_path


def step(place, **settings):
    recipe = {"name": "t", "step": [{"id": "out", "use": "adapter-export", **settings}]}
    return run(recipe, home=place / "runs", workers=1)["out"]


def logits(folder: Path, task: int | None = None):
    from lmloop.nn.adapters.attach import frame_of
    from lmloop.nn.opening import open_decoder

    model = open_decoder(folder).eval()
    if task is not None:
        frame_of(model).feed(None, torch.tensor([task]), None)
    with torch.no_grad():
        return model(IDS)


def cut_by(place, how):
    """Let the LoRA's tokenizer cut text in another way."""
    file = place / "model" / "lora" / "tokenizer.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps(said | {"pre_tokenizer": how}))


def adapter(place, name):
    return str(place / "model" / name)


def test_a_merged_adapter_is_a_whole_model_for_everybody(place):
    done = step(place, adapter=adapter(place, "lora"))
    wanted = logits(place / "model" / "lora")
    assert torch.allclose(logits(done.path), wanted, atol=1e-5)
    assert not torch.allclose(logits(place / "model"), wanted, atol=1e-2)
    theirs = pytest.importorskip("transformers").AutoModelForCausalLM.from_pretrained(done.path)
    with torch.no_grad():
        assert torch.allclose(theirs(IDS).logits, wanted, atol=1e-4)
    assert open_model(done.path).generate([(Turn("text", "ab"),)], Sampling(max_tokens=2))[0].tokens


def test_each_task_becomes_a_lora_that_peft_loads(place):
    from lmloop.nn.opening import write_base

    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    write_base(place / "model" / "moelora", place / "model", ["news", "诗 歌"])
    done = step(place, adapter=adapter(place, "moelora"), form="tasks")
    for number, name in enumerate(["news", "诗-歌"]):
        wanted = logits(place / "model" / "moelora", number)
        assert torch.allclose(logits(done.path / name), wanted, atol=1e-5)
        bare = transformers.AutoModelForCausalLM.from_pretrained(place / "model")
        stock = peft.PeftModel.from_pretrained(bare, done.path / name).eval()
        with torch.no_grad():
            assert torch.allclose(stock(IDS).logits, wanted, atol=1e-4)
    merged = step(place, adapter=adapter(place, "moelora"), form={"use": "merged", "task": "诗 歌"})
    assert torch.allclose(logits(merged.path), wanted, atol=1e-5)
    with pytest.raises(LmloopError, match="none is named") as told:
        step(place, adapter=adapter(place, "moelora"))
    assert "news" in told.value.hint
    with pytest.raises(LmloopError, match="no task 'prose'"):
        step(place, adapter=adapter(place, "moelora"), form={"use": "merged", "task": "prose"})


def test_one_expert_and_the_mean_of_all_are_loras(place):
    from lmloop.nn.adapters.converting import read_lora

    experts = [step(place, adapter=adapter(place, "molora"), form={"use": "expert", "number": n}) for n in range(3)]
    found = [read_lora(done.path)["model.layers.1.mlp.up_proj"] for done in experts]
    mean = sum(change.B.T @ change.A for change in found) / 3
    whole = step(place, adapter=adapter(place, "molora"), form={"use": "distilled", "rank": 6})
    change = read_lora(whole.path)["model.layers.1.mlp.up_proj"]
    assert torch.allclose(change.B.T @ change.A, mean, atol=1e-5)
    assert whole.metrics["lost/most"] < 1e-5
    cut = step(place, adapter=adapter(place, "molora"), form={"use": "distilled", "rank": 2})
    values = torch.linalg.svdvals(mean)
    shown = (cut.path / "blocks.json").read_text()
    assert 0 < cut.metrics["lost/mean"] <= cut.metrics["lost/most"] < 1
    assert f"{float(values[2:].norm() / values.norm()):.1%}" in shown
    loads = {"places": {"model.layers.1.mlp.up_proj": {"load": [1.0, 0.0, 0.0]}}}
    (place / "model" / "molora" / "routing.json").write_text(json.dumps(loads))
    busy = step(place, adapter=adapter(place, "molora"), form={"use": "distilled", "rank": 6})
    change = read_lora(busy.path)["model.layers.1.mlp.up_proj"]
    assert torch.allclose(change.B.T @ change.A, found[0].B.T @ found[0].A, atol=1e-5)


def test_what_has_no_fixed_weights_is_refused(place):
    with pytest.raises(LmloopError, match="anew for each token"):
        step(place, adapter=adapter(place, "mov"))
    with pytest.raises(LmloopError, match="no low-rank changes"):
        step(place, adapter=adapter(place, "mov"), form="distilled")
    with pytest.raises(LmloopError, match="does not weigh its experts by task"):
        step(place, adapter=adapter(place, "lora"), form="tasks")
    with pytest.raises(LmloopError, match="no expert 7"):
        step(place, adapter=adapter(place, "molora"), form={"use": "expert", "number": 7})
    with pytest.raises(LmloopError, match="no adapter in"):
        step(place, adapter=str(place / "model"))
    with pytest.raises(LmloopError, match="0 are given"):
        step(place)
    with pytest.raises(LmloopError, match="no form 'onnx'"):
        step(place, adapter=adapter(place, "lora"), form="onnx")


@pytest.mark.parametrize("bits", ["f32", "q8_0"])
def test_a_gguf_file_holds_the_merged_model(place, bits):
    pytest.importorskip("gguf")
    transformers = pytest.importorskip("transformers")
    cut_by(place, GPT2)
    done = step(place, adapter=adapter(place, "lora"), form={"use": "gguf", "bits": bits})
    theirs = transformers.AutoModelForCausalLM.from_pretrained(done.path, gguf_file="model.gguf", dtype=torch.float32)
    wanted = logits(place / "model" / "lora")
    with torch.no_grad():
        assert torch.allclose(theirs(IDS).logits, wanted, atol=1e-4 if bits == "f32" else 0.2)
    assert model_spec(done.path) == {"use": "gguf", "file": str(done.path / "model.gguf")}


def test_llama_cpp_scores_a_gguf_file_as_we_score_the_adapter(place):
    pytest.importorskip("ik_llama_cpp")
    cut_by(place, GPT2)
    done = step(place, adapter=adapter(place, "lora"), form={"use": "gguf", "bits": "f32"})
    pairs = [((Turn("text", "def f(x): "),), "return 两"), ((Turn("text", "a"),), "b c")]
    ours = open_model(place / "model" / "lora").score(pairs)
    assert [one.logprob for one in open_model(done.path).score(pairs)] == pytest.approx(
        [one.logprob for one in ours], abs=0.05
    )


def test_a_tokenizer_that_gguf_has_no_word_for_is_refused(place):
    pytest.importorskip("gguf")
    cut_by(place, {"type": "Whitespace"})
    with pytest.raises(LmloopError, match="cuts text"):
        step(place, adapter=adapter(place, "lora"), form="gguf")
