"""A mixture that begins from trained LoRAs, and goes on learning."""

import json

import pytest
from finetune_ground import COMPUTE, write_base, write_records

from lmloop import run
from lmloop.core.errors import LmloopError

torch = pytest.importorskip("torch")
MIXTURE = {"use": "molora", "experts": 2, "rank": 4, "alpha": 4.0}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    write_base(tmp_path / "model")
    write_records(tmp_path)
    yield tmp_path
    torch.set_num_threads(before)


def finetune(name, sources, method, **more):
    settings = {"context": 32, "evaluate": {"held": 0.1}, "optimizer": {"learning_rate": 1e-2}, "compute": COMPUTE}
    return {"id": name, "use": "finetune", "from": sources, "method": method, **settings, **more}


def recipe(*more):
    raws = [
        {"id": name, "use": "ingest", "reader": {"use": "chat", "files": [f"{name}.jsonl"]}}
        for name in ("next", "last")
    ]
    lora = {"use": "lora", "rank": 4, "dropout": 0.0}
    tuned = [finetune(f"on-{name}", [name], lora, base="model", epochs=3) for name in ("next", "last")]
    mixed = {"id": "mixed", "use": "adapter-upcycle", "from": ["on-next", "on-last"], "method": MIXTURE}
    return {"name": "t", "seed": 3, "step": [*raws, *tuned, mixed, *more]}


def test_trained_loras_become_experts_that_go_on_learning(place):
    from lmloop.nn.adapters.converting import read_lora, slots
    from lmloop.nn.opening import open_adapted

    later = finetune("later", ["next", "last", "mixed"], MIXTURE, epochs=4)
    done = run(recipe(later), home=place / "runs", workers=1)
    assert done["mixed"].metrics["lost/most"] == 0
    _, adapted = open_adapted(done["mixed"].path, place / "model")
    for number, name in enumerate(("on-next", "on-last")):
        for at, change in read_lora(done[name].path).items():
            expert = slots(adapted)[at].expert(number)
            assert torch.allclose(expert.B.T @ expert.A, change.B.T @ change.A, atol=1e-6)
    found = done["later"].metrics
    assert found["loss/next"] < found["before/next"]
    assert json.loads((done["later"].path / "base.json").read_text())["name"] == "model"
    _, after = open_adapted(done["later"].path, place / "model")
    assert after.method == adapted.method
    assert not torch.equal(after.parameters()[0], adapted.parameters()[0])


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        ({"method": {**MIXTURE, "rank": 2}}, "cannot be tuned further"),
        ({"method": MIXTURE, "baseline": True}, "has no baseline"),
        ({"method": MIXTURE, "objective": "kto"}, "cannot go on with a mixture"),
    ],
)
def test_what_cannot_go_on_is_said(place, step, wrong):
    later = finetune("later", ["next", "mixed"], **step)
    if "objective" in step:
        later["from"] = ["votes", "mixed"]
        votes = {"id": "votes", "use": "ingest", "reader": {"use": "jsonl", "files": ["votes.jsonl"]}}
        later = [votes, later]
    with pytest.raises(LmloopError, match=wrong):
        run(recipe(*(later if isinstance(later, list) else [later])), home=place / "runs", workers=1)


def test_loras_of_different_models_are_refused(place):
    write_base(place / "other", seed=1)
    steps = recipe()
    steps["step"][3]["base"] = "other"
    with pytest.raises(LmloopError, match="sit on different models"):
        run(steps, home=place / "runs", workers=1)
    with pytest.raises(LmloopError, match="no LoRAs to begin from"):
        run({"name": "t", "step": [{"id": "mixed", "use": "adapter-upcycle", "method": MIXTURE}]}, home=place / "runs")


def test_what_lies_beneath_a_named_adapter_is_noticed_and_its_ends_go_along(place):
    first = run(recipe(), home=place / "runs", workers=1)
    lora = first["on-next"].path
    assert (first["mixed"].path / "generation_config.json").read_bytes() == (
        lora / "generation_config.json"
    ).read_bytes()
    later = finetune("later", ["next"], {"use": "lora", "rank": 4}, base=str(lora), epochs=1)
    whole = {"id": "whole", "use": "adapter-export", "adapter": str(lora)}
    before = run(recipe(later, whole), home=place / "runs", workers=1)
    again = run(recipe(later, whole), home=place / "runs", workers=1)
    write_base(place / "model", seed=1)
    after = {planned.wired.id: planned for planned in _planned(recipe(later, whole), place / "runs")}
    for name in ("later", "whole"):
        assert again[name].path == before[name].path
        assert after[name].folder != before[name].path.name


def _planned(spec, home):
    from lmloop.core.plan import plan
    from lmloop.core.recipe import Recipe
    from lmloop.core.run import STORE
    from lmloop.core.store import Store

    with Store(home / STORE) as store:
        return plan(Recipe.check(spec), home, store)
