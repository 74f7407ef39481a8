"""Merging, exporting, and turning mixtures into LoRAs and back."""

import pytest
import torch
from adapter_ground import TASKS, base, batch, method, put
from test_adapters_files import hugging_face

from lmloop.core.errors import DataError, LmloopError
from lmloop.nn.adapters.attach import attach
from lmloop.nn.adapters.converting import distil, expert, read_lora, tasks, upcycle
from lmloop.nn.adapters.exporting import export
from lmloop.nn.adapters.factors import Factors
from lmloop.nn.adapters.files import load, save
from lmloop.nn.adapters.merging import merge, unmerge
from lmloop.nn.huggingface import load_model

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")
FIXED = ["lora", "lora-plus", "rslora", "dora", "ia3"]


@pytest.mark.parametrize("name", [*FIXED, "moelora"])
def test_merged_it_computes_the_same_and_unmerged_all_is_as_before(name):
    model, (tokens, _) = base(), batch()
    bare = {key: value.clone() for key, value in model.state_dict().items()}
    adapted = put(model, name)
    task = 1 if name == "moelora" else None
    adapted.feed(None, torch.tensor([1, 1, 1]))
    wanted = model(tokens)
    merged = merge(adapted, task)
    assert adapted.frame.inputs.active is None
    assert torch.allclose(model(tokens), wanted, atol=1e-10)
    unmerge(adapted, merged)
    assert torch.equal(model(tokens), wanted)
    assert all(torch.equal(model.state_dict()[key], value) for key, value in bare.items())


@pytest.mark.parametrize("name", ["mixlora", "mola", "pesc", "loramoe", "molora", "mov"])
def test_what_is_routed_by_token_is_not_merged(name):
    adapted = put(base(), name)
    before = {key: value.clone() for key, value in adapted.model.state_dict().items()}
    with pytest.raises(LmloopError, match="anew for each token"):
        merge(adapted)
    assert all(torch.equal(adapted.model.state_dict()[key], value) for key, value in before.items())


def test_moelora_needs_a_task_to_be_merged():
    with pytest.raises(LmloopError, match="by task") as told:
        merge(put(base(), "moelora"))
    assert "which task" in told.value.hint
    with pytest.raises(LmloopError, match="tasks 0 to 2"):
        merge(put(base(), "moelora"), 3)


@pytest.mark.parametrize("name", ["lora", "qlora", "dora"])
def test_a_merged_model_is_a_plain_folder(name, tmp_path):
    tokens, _ = batch()
    adapted = put(base().float(), name)
    adapted.model.float().eval()
    wanted = adapted.model(tokens)
    export(adapted, tmp_path / "ours")
    assert torch.allclose(load_model(tmp_path / "ours")(tokens), wanted, atol=1e-4)
    theirs = pytest.importorskip("transformers").AutoModelForCausalLM.from_pretrained(tmp_path / "ours")
    assert torch.allclose(theirs(tokens).logits, wanted, atol=1e-4)
    adapted = put(hugging_face(tmp_path), name)
    adapted.model.float().eval()
    wanted = adapted.model(tokens).logits
    export(adapted, tmp_path / "theirs")
    assert torch.allclose(load_model(tmp_path / "theirs")(tokens), wanted, atol=1e-4)


def test_moelora_becomes_ordinary_loras_that_peft_merges(tmp_path):
    peft = pytest.importorskip("peft")
    tokens, _ = batch()
    (tmp_path / "base").mkdir()
    adapted = put(hugging_face(tmp_path / "base").eval(), "moelora")
    adapted.model.float()
    folders = tasks(adapted, tmp_path, ["news", "poems", "新闻"])
    bare = hugging_face(tmp_path / "base")(tokens).logits
    for task, folder in enumerate(folders):
        adapted.feed(None, torch.full((3,), task))
        with torch.no_grad():
            wanted = adapted.model(tokens).logits
            stock = peft.PeftModel.from_pretrained(hugging_face(tmp_path / "base"), folder)
            assert stock.peft_config["default"].r == 8
            assert torch.allclose(stock.merge_and_unload()(tokens).logits, wanted, atol=1e-5)
            assert not torch.allclose(bare, wanted, atol=1e-2)
    with pytest.raises(LmloopError, match="does not weigh its experts by task"):
        tasks(put(base(), "lora"), tmp_path, ["news"])


@pytest.mark.parametrize("name", ["loramoe", "molora", "mixlora"])
def test_one_expert_is_an_ordinary_lora(name, tmp_path):
    tokens, _ = batch()
    adapted = put(base(), name)
    adapted.feed(None, TASKS)
    expert(adapted, 1, tmp_path)
    with torch.no_grad():  # a router that is sure of this expert
        for rider in adapted.riders().values():
            if getattr(rider, "router", None) is not None:
                rider.router.weight.zero_()
        for rider in adapted.riders().values():
            for weight in rider.parameters():
                if weight.dim() == 3 and len(weight) > 1:
                    weight.copy_(weight[1].expand_as(weight).clone())
    wanted = adapted.model(tokens)
    alone = load(base(), tmp_path)
    alone.model.double()
    assert torch.allclose(alone.model(tokens), wanted, atol=1e-4)
    with pytest.raises(LmloopError, match="no expert 9"):
        expert(adapted, 9, tmp_path)
    with pytest.raises(LmloopError, match="no low-rank changes"):
        expert(put(base(), "pesc"), 0, tmp_path)


def loras(folder, count, name="lora", **changes):
    for number in range(count):
        adapted = attach(base(), method(name, rank=2, alpha=6.0, **changes), seed=number)
        chance = torch.Generator().manual_seed(number)
        with torch.no_grad():
            for weight in adapted.parameters():
                weight.add_(0.2 * torch.randn(weight.shape, generator=chance))
        save(adapted, folder / str(number))
    return [folder / str(number) for number in range(count)]


@pytest.mark.parametrize("name", ["molora", "mixlora"])
def test_trained_loras_become_experts(name, tmp_path):
    folders = loras(tmp_path, 2)
    adapted, lost = upcycle(base(), method(name, experts=4, rank=4), folders, seed=1)
    experts = {place: error for place, error in lost.items() if name == "molora" or ".mlp." in place}
    assert max(experts.values()) == 0
    # the attention of MixLoRA has one LoRA: the mean of two of rank 2 fits into rank 4
    assert max(lost.values()) < 1e-6
    expert(adapted, 3, tmp_path / "out")
    for place, change in read_lora(folders[1]).items():
        if place in experts:
            again = read_lora(tmp_path / "out")[place]
            assert torch.allclose(again.B.T @ again.A, change.B.T @ change.A, atol=1e-6)
    _, lost = upcycle(base(), method("molora", experts=2, rank=1), folders)
    assert 0 < min(lost.values()) <= max(lost.values()) < 1
    model = base()
    with pytest.raises(DataError, match="puts no experts on"):
        upcycle(model, method("loramoe"), folders)
    assert not [key for key in model.state_dict() if "adapters" in key]
    with pytest.raises(DataError, match="no plain LoRA"):
        upcycle(base(), method("molora"), loras(tmp_path / "dora", 1, "dora"))


def test_a_mixture_is_distilled_into_one_lora(tmp_path):
    tokens, mask = batch()
    adapted = put(base(), "loramoe")
    adapted.feed(mask, TASKS)
    with adapted.watching():
        adapted.model(tokens)
    load_E = adapted.routing()["model.layers.0.mlp.up_proj"]["load"]
    lost = distil(adapted, 16, tmp_path)
    assert max(lost.values()) < 1e-6  # four experts of rank four
    rider = adapted.riders()["model.layers.0.mlp.up_proj"]
    wanted = rider.delta(torch.tensor(load_E, dtype=torch.float64)).detach()
    found = read_lora(tmp_path)["model.layers.0.mlp.up_proj"]
    assert torch.allclose((found.B.T @ found.A).double(), wanted, atol=1e-4)
    lost = distil(adapted, 2, tmp_path)
    place = "model.layers.0.mlp.up_proj"
    values = torch.linalg.svdvals(wanted)
    assert lost[place] == pytest.approx(float(values[2:].norm() / values.norm()), rel=1e-3)


def test_factors_are_cut_as_the_whole_matrix_would_be():
    chance = torch.Generator().manual_seed(0)
    change = Factors(torch.randn(5, 12, generator=chance), torch.randn(5, 9, generator=chance))
    whole = change.B.T @ change.A
    u, values, v = torch.linalg.svd(whole)
    cut, lost = change.cut(3)
    assert torch.allclose(cut.B.T @ cut.A, (u[:, :3] * values[:3]) @ v[:3], atol=1e-5)
    assert lost == pytest.approx(float(values[3:].norm() / values.norm()), rel=1e-4)
    assert change.length() == pytest.approx(float(whole.norm()), rel=1e-5)
    more, lost = change.cut(8)
    assert more.A.shape == (8, 12)
    assert lost < 1e-6
    assert torch.allclose(more.B.T @ more.A, whole, atol=1e-5)
