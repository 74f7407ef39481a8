import json

import pytest

from lmloop import run
from lmloop.core.card import list_files
from lmloop.core.errors import LmloopError
from lmloop.core.step import BLOCKS
from lmloop.kernels.windows import Mixed
from lmloop.report import blocks
from lmloop.stages.pretrain import Pretrain

COMPUTE = {"precision": "fp32", "threads": 1, "compile": "off"}
TINY = {"width": 32, "heads": 2, "hidden": 64}
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Texts, a tokenizer, tokens and a tiny model."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        lines = [json.dumps({"text": f"the {name} said that number {n} is number {n}. " * 3}) for n in range(60)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    reader = {"use": "jsonl"}
    base = {"depth": 1, "context": 32, "tokens": 6000, "batch": 256, "model": TINY, "compute": COMPUTE}
    return {
        "name": "t",
        "seed": 3,
        "step": [
            {"id": "one", "use": "ingest", "reader": {**reader, "files": ["one.jsonl"]}},
            {"id": "two", "use": "ingest", "reader": {**reader, "files": ["two.jsonl"]}},
            {"id": "words", "use": "tokenizer", "from": ["one", "two"], "vocab_size": 384},
            {"id": "tokens", "use": "pack", "from": ["one", "two", "words"], "held": 0.1},
            {"id": "base", "use": "pretrain", "from": ["tokens"], **base},
        ],
    }


def made(recipe, home, *more):
    recipe = {**recipe, "step": [*recipe["step"], *more]}
    return run(recipe, home=home, workers=1)


def later(**settings):
    base = {"context": 32, "tokens": 2000, "batch": 256, "compute": COMPUTE}
    return {"id": "later", "use": "pretrain", "from": ["tokens", "base"], **base, **settings}


def test_the_same_seed_gives_the_same_bytes_and_the_model_opens_elsewhere(recipe, tmp_path):
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    one = made(recipe, tmp_path / "one")["base"]
    again = made(recipe, tmp_path / "again")["base"]

    def files(folder):
        return {name: row for name, row in list_files(folder).items() if name != BLOCKS}

    assert files(one.path) == files(again.path)
    model = transformers.AutoModelForCausalLM.from_pretrained(one.path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(one.path)
    ids = torch.tensor([tokenizer("the one said that", add_special_tokens=False)["input_ids"]])
    from lmloop.nn.huggingface import load_model

    with torch.no_grad():
        assert torch.allclose(load_model(one.path)(ids), model(ids).logits, atol=1e-4)
    assert one.metrics["bits_per_byte/one"] < 4
    assert (model.config.bos_token_id, model.config.eos_token_id) == (tokenizer.bos_token_id, tokenizer.eos_token_id)


def test_the_report_shows_losses_samples_and_sources(recipe, tmp_path):
    recipe["step"][4] |= {"mixture": {"one": [[0, 1], [1, 0]], "two": 1}, "evaluate": {"prompts": ["the one"]}}
    done = made(recipe, tmp_path / "runs", {"id": "page", "use": "report", "from": ["base"]})
    shown = blocks.read(done["base"].path / BLOCKS)
    titles = [block.title for block in shown]
    assert titles[:2] == ["The model", "Loss"]
    loss = shown[1]
    assert [line.name for line in loss.lines] == ["training", "held out: one", "held out: two"]
    assert loss.lines[0].y[0] > loss.lines[0].y[-1]
    read = next(block for block in shown if block.title == "Tokens read by source")
    # a weight that falls from 1 to 0 beside one that stays at 1: (1 - ln 2) of all
    assert read.series[0].values[0] / sum(read.series[0].values) == pytest.approx(0.307, abs=0.02)
    texts = next(block for block in shown if isinstance(block, blocks.Text))
    assert texts.passages[0].text.startswith("the one▸")
    assert "What it writes" in (done["page"].path / "report.html").read_text(encoding="utf-8")


def test_going_on_begins_where_the_model_was(recipe, tmp_path):
    done = made(recipe, tmp_path / "runs", later(mixture={"one": 0.7, "two": 0.3}))
    first = json.loads((done["later"].path / "metrics.jsonl").read_text().splitlines()[0])
    assert first["loss"] < done["base"].metrics["loss"] + 0.3
    assert done["later"].metrics["parameters"] == done["base"].metrics["parameters"]
    folder = {"from": ["tokens"], "start": str(done["base"].path)}
    other = made(recipe, tmp_path / "runs", later(**folder, mixture={"one": 0.7, "two": 0.3}))["later"]
    rows = [(run.path / "metrics.jsonl").read_text() for run in (done["later"], other)]
    assert rows[0] == rows[1]


def test_a_branch_decays_from_a_checkpoint_and_reads_on(recipe, tmp_path):
    base = made(recipe, tmp_path / "runs")["base"]
    steps = sorted(int(path.name[5:]) for path in (base.path / "checkpoints").glob("step-*"))
    done = made(recipe, tmp_path / "runs", later(branch=steps[0]))["later"]
    rates = [json.loads(line).get("rate") for line in (done.path / "metrics.jsonl").read_text().splitlines()]
    rates = [rate for rate in rates if rate is not None]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0
    assert done.metrics["loss"] < 4
    state = json.loads((done.path / f"checkpoints/step-{len(rates):08d}/state.json").read_text())
    assert sum(state["taken"].values()) == (steps[0] + len(rates)) * 8
    with pytest.raises(LmloopError, match="no checkpoint of step 1"):
        made(recipe, tmp_path / "runs", later(branch=1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mixture": {"three": 1}}, "no source 'three'"),
        ({"mixture": {"one": 0}}, "all weights are zero"),
        ({"start": "nowhere"}, "no model in"),
        ({"branch": 3}, "branch needs the weights"),
        ({"model": {"width": 30, "heads": 2}}, "even number"),
        ({"model": {"heads": 3, "kv_heads": 2}}, "share 2 key heads"),
    ],
)
def test_mistakes_are_told(recipe, tmp_path, settings, message):
    recipe["step"][4] |= settings
    with pytest.raises(LmloopError, match=message):
        made(recipe, tmp_path / "runs")


def test_a_model_of_another_tokenizer_is_refused(recipe, tmp_path):
    more = [
        {"id": "words2", "use": "tokenizer", "from": ["one"], "vocab_size": 320},
        {"id": "tokens2", "use": "pack", "from": ["one", "words2"]},
        {"id": "later", "use": "pretrain", "from": ["tokens2", "base"], "context": 32},
    ]
    with pytest.raises(LmloopError, match="another tokenizer"):
        made(recipe, tmp_path / "runs", *more)
    more[2]["from"] = ["tokens", "tokens2"]
    with pytest.raises(LmloopError, match="not packed with the same tokenizer"):
        made(recipe, tmp_path / "runs", *more)


def test_resuming_bit_for_bit_is_proven_before_the_training(recipe, tmp_path, monkeypatch):
    recipe["step"][4] |= {"checkpoints": {"verify": 6, "every": "decades"}}
    done = made(recipe, tmp_path / "runs")["base"]
    assert done.metrics["verified_steps"] == 6
    assert not (done.path / "work").exists()
    assert (done.path / "checkpoints" / "step-00000020").is_dir()
    # batches that are no function of their step, and so not the same a second time
    drawn, calls = Mixed.batch, []

    def other(batches, step):
        calls.append(step)
        return drawn(batches, step + calls.count(step) - 1)

    monkeypatch.setattr(Mixed, "batch", other)
    with pytest.raises(LmloopError, match="resumed after step 3 has another loss"):
        made({**recipe, "seed": 4}, tmp_path / "runs")


def test_an_activation_that_is_not_said_changes_no_name():
    plain, said = Pretrain(model={"width": 64}), Pretrain(model={"width": 64, "activation": "relu"})
    assert "activation" not in plain.identity()["model"]
    assert said.identity()["model"] == {**plain.identity()["model"], "activation": "relu"}
    assert Pretrain(**{key: value for key, value in said.spec().items() if key != "use"}) == said
