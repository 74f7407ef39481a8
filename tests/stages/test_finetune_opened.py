"""What a tuning wrote answers, when it is opened by its name, as the model did that was tuned."""

import json
from pathlib import Path

import pytest
from finetune_ground import recipe, settled, tuned, write_foreign

from lmloop import run
from lmloop.core.errors import LmloopError
from lmloop.core.model import Sampling
from lmloop.core.part import build
from lmloop.core.record import Turn
from lmloop.core.step import BLOCKS
from lmloop.core.weights import model_spec, open_model
from lmloop.report import blocks

METHODS = [
    {"use": "lora", "rank": 4},
    {"use": "dora", "rank": 4},
    "ia3",
    {"use": "mixlora", "experts": 4, "rank": 2},
    {"use": "mola", "experts": [3], "rank": 2},
    {"use": "pesc", "experts": 3, "width": 8},
    {"use": "loramoe", "experts": 4, "rank": 2},
    {"use": "molora", "experts": 4, "rank": 2},
    {"use": "mov", "experts": 4},
    {"use": "moelora", "experts": 4, "rank": 8, "tasks": 3},
]
ASKED = [("<user>ab?\n<assistant>", "c\n"), ("<user>a much longer question: hk?\n<assistant>", "j"), ("x", "yz!")]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    yield from settled(tmp_path, monkeypatch)


def by_hand(folder: Path, task: int | None) -> list[float]:
    """Score with the model that a training would hold, each text alone, and the task of its rows told."""
    import torch

    from lmloop.kernels.tokenizing import Tokenizer
    from lmloop.nn.adapters.files import load
    from lmloop.nn.huggingface import load_model

    decoder = load_model(Path("model"))
    adapted = load(decoder, folder)
    decoder.eval()
    tokenizer, found = Tokenizer.load(folder), []
    begin = [tokenizer.bos_id] if tokenizer.bos_id is not None else []
    for prompt, text in ASKED:
        front, back = ([int(i) for i in tokenizer.encode(each)] for each in (prompt, text))
        ids = torch.tensor([[*begin, *front, *back]])
        adapted.feed(tasks=torch.tensor([[1.0, 1.0, 0.0]]) if task is None else torch.tensor([task]))
        with torch.no_grad():
            table = decoder(ids)[0, -len(back) - 1 : -1].log_softmax(-1)
        found.append(float(table.gather(1, torch.tensor(back)[:, None]).sum()))
    return found


@pytest.mark.parametrize("method", METHODS, ids=lambda each: each if isinstance(each, str) else each["use"])
def test_scores_and_replies_of_the_opened_model_are_those_of_the_tuned_one(place, method):
    done = tuned(place / "runs", method=method, epochs=2, optimizer={"learning_rate": 3e-2})
    pairs = [((Turn("text", prompt),), text) for prompt, text in ASKED]
    opened = open_model(done.path)
    assert [reply.logprob for reply in opened.score(pairs)] == pytest.approx(by_hand(done.path, None), abs=2e-4)
    before = build("models", {"use": "lmloop", "folder": "model"}).score(pairs)
    assert abs(before[0].logprob - opened.score(pairs)[0].logprob) > 5e-3
    sampling = Sampling(max_tokens=5)
    together = [reply.text for reply in opened.generate([prompt for prompt, _ in pairs], sampling)]
    assert together == [opened.generate([prompt], sampling)[0].text for prompt, _ in pairs]


def test_a_task_is_asked_for_by_its_name(place):
    done = tuned(place / "runs", method=METHODS[-1], epochs=8, optimizer={"learning_rate": 0.1})
    pairs = [((Turn("text", prompt),), text) for prompt, text in ASKED]
    scores = {}
    for number, name in enumerate(("last", "next")):
        model = build("models", model_spec(done.path) | {"task": name})
        scores[name] = [reply.logprob for reply in model.score(pairs)]
        assert scores[name] == pytest.approx(by_hand(done.path, number), abs=2e-4)
    assert scores["next"] != pytest.approx(scores["last"], abs=2e-3)
    with pytest.raises(LmloopError, match="not tuned on a task 'nest'"):
        build("models", model_spec(done.path) | {"task": "nest"}).score(pairs)
    plain = tuned(place / "runs")
    with pytest.raises(LmloopError, match="does not weigh experts by task"):
        build("models", model_spec(plain.path) | {"task": "next"}).score(pairs)


def test_experts_weighed_by_task_are_merged_where_there_is_one(place):
    done = tuned(place / "runs", method=METHODS[-1], files=("next",), epochs=4)
    merged = tuned(place / "runs", method=METHODS[-1], files=("next",), epochs=4, merged=True)
    pairs = [((Turn("text", prompt),), text) for prompt, text in ASKED]
    scores = [[reply.logprob for reply in open_model(each.path).score(pairs)] for each in (done, merged)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
    further = recipe()["step"][-1] | {"id": "later", "from": ["next", "tuned"], "method": "lora"}
    further.pop("base")
    later = run(recipe(further, method=METHODS[-1], files=("next",), epochs=4), home=place / "runs", workers=1)["later"]
    assert later.metrics["before/next"] == pytest.approx(done.metrics["loss/next"], abs=1e-3)
    later = recipe(further, method=METHODS[-1])
    with pytest.raises(LmloopError, match="weighed by task, and it knows 2"):
        run(later, home=place / "runs", workers=1)


@pytest.mark.parametrize("method", [METHODS[3], METHODS[-1]], ids=["mixlora", "moelora"])
def test_what_cannot_be_merged_is_said_before_it_is_tuned(place, method):
    with pytest.raises(LmloopError, match=r"anew for each token|weighed by task"):
        tuned(place / "runs", method=method, merged=True)
    assert not list((place / "runs").glob("tuned*/checkpoints"))


@pytest.mark.parametrize("method", [METHODS[0], METHODS[3]], ids=["lora", "mixlora"])
def test_an_adapter_on_another_familys_model_opens_in_transformers(place, method):
    import torch

    transformers = pytest.importorskip("transformers")
    write_foreign(place / "model")
    done = tuned(place / "runs", method=method, epochs=4)
    assert json.loads((done.path / "model.json").read_text()) == {"use": "transformers"}
    model = open_model(done.path)
    pairs = [((Turn("text", prompt),), text) for prompt, text in ASKED]
    scores = [reply.logprob for reply in model.score(pairs)]
    assert type(model._local.core).__name__ == "Mixed"
    from lmloop.nn.adapters.files import load

    theirs = transformers.AutoModelForCausalLM.from_pretrained(place / "model")
    load(theirs, done.path)
    theirs.eval()
    for (prompt, text), score in zip(ASKED, scores, strict=True):
        ids = torch.tensor([model._local.codec.tokenizer(prompt + text).input_ids])
        size = len(text)
        with torch.no_grad():
            table = theirs(ids).logits[0, -size - 1 : -1].log_softmax(-1)
        assert score == pytest.approx(float(table.gather(1, ids[0, -size:, None]).sum()), abs=1e-3)
    shown = {block.title: block for block in blocks.read(done.path / BLOCKS)}
    assert {passage.label for passage in shown["What it replies"].passages} >= {"next, before", "next, after"}
    chat = model.generate([(Turn("user", "ab?"),)], Sampling(max_tokens=4))[0]
    raw = model.generate([(Turn("text", "<user>ab?\n<assistant>"),)], Sampling(max_tokens=4))[0]
    assert chat.text == raw.text
