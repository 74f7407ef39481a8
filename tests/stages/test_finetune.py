"""The finetune step from records to a model that opens, with all that can go wrong in between."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from finetune_ground import COMPUTE, FAST, LORA, recipe, said, settled, tuned, turn, write, write_foreign

from lmloop import run
from lmloop.core.card import list_files
from lmloop.core.dropped import Choice, find
from lmloop.core.errors import Interrupted, LmloopError
from lmloop.core.model import Sampling
from lmloop.core.record import Turn
from lmloop.core.step import BLOCKS
from lmloop.core.weights import open_model
from lmloop.report import blocks


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    yield from settled(tmp_path, monkeypatch)


def base_model(place):
    """Make the bare model one that opens, too."""
    (place / "model" / "model.json").write_text('{"use": "lmloop"}')
    return place / "model"


def rows(done):
    return [json.loads(line) for line in (done.path / "metrics.jsonl").read_text().splitlines()]


def test_it_learns_and_the_adapter_opens_beside_its_model(place):
    done = tuned(place / "runs", epochs=12)
    assert done.metrics["loss/next"] < done.metrics["before/next"] - 2
    assert done.metrics["examples"] + done.metrics["held"] == 144
    assert not (done.path / "config.json").exists()
    assert json.loads((done.path / "base.json").read_text())["name"] == "model"
    prompt = (Turn("text", "<user>ab?\n<assistant>"),)
    before, after = (open_model(folder) for folder in (base_model(place), done.path))
    scores = [model.score([(prompt, "c\n")])[0].logprob for model in (before, after)]
    assert scores[1] > scores[0] + 2
    assert after.generate([prompt], Sampling(max_tokens=3))[0].text


def test_the_same_seed_gives_the_same_bytes(place):
    one, other = tuned(place / "one"), run(recipe(), home=place / "other", workers=2)["tuned"]

    def files(folder):
        return {name: row for name, row in list_files(folder).items() if name not in (BLOCKS, "base.json")}

    assert files(one.path) == files(other.path)


def test_merged_weights_are_equal_to_the_adapter(place):
    import torch

    from lmloop.nn.opening import open_decoder

    one, other = tuned(place / "runs"), tuned(place / "runs", merged=True)
    ids = torch.arange(20)[None] + 97
    with torch.no_grad():
        outputs = [open_decoder(folder).eval()(ids) for folder in (one.path, other.path, other.path / "adapter")]
    assert torch.allclose(outputs[0], outputs[1], atol=1e-5)
    assert torch.allclose(outputs[0], outputs[2], atol=1e-6)
    assert not torch.allclose(outputs[0], open_decoder(place / "model").eval()(ids), atol=1e-2)


def test_all_weights_are_tuned_where_no_method_is_named(place):
    done = tuned(place / "runs", method="full", epochs=6)
    assert done.metrics["trained_share"] == 1
    assert done.metrics["loss/next"] < done.metrics["before/next"] - 2
    assert (done.path / "model.safetensors").exists()


def test_a_tuned_model_is_tuned_further_with_its_adapter_in_it(place):
    later = {"id": "later", "use": "finetune", "from": ["next", "tuned"], "method": LORA, "context": 32}
    later |= {"evaluate": {"held": 0.1}, "optimizer": FAST, "compute": COMPUTE}
    done = run(recipe(later, epochs=8), home=place / "runs", workers=1)
    assert done["later"].metrics["before/next"] == pytest.approx(done["tuned"].metrics["loss/next"], abs=1e-4)
    assert open_model(done["later"].path).generate([(Turn("text", "a"),)], Sampling(max_tokens=2))


@pytest.mark.parametrize("method", [LORA, {"use": "mixlora", "experts": 4, "rank": 2, "attention": ["q_proj"]}, "full"])
def test_interrupted_and_gone_on_with_the_bytes_are_the_same(place, method, monkeypatch):
    from lmloop.nn.trainer import Trainer

    whole = tuned(place / "whole", method=method)
    advance, count = Trainer._advance, [0]

    def stopping(self, *rest):
        count[0] += 1
        if count[0] in (4, 9):
            raise KeyboardInterrupt
        advance(self, *rest)

    monkeypatch.setattr(Trainer, "_advance", stopping)
    for _ in range(2):
        with pytest.raises(Interrupted):
            tuned(place / "cut", method=method)
    done = tuned(place / "cut", method=method)
    weights = [name for name in list_files(whole.path) if name.endswith((".safetensors", "metrics.jsonl"))]
    assert len(weights) > 2
    for name in weights:
        assert (done.path / name).read_bytes() == (whole.path / name).read_bytes(), name


def test_killed_outright_and_gone_on_with_the_bytes_are_the_same(place):
    method = {"use": "mixlora", "experts": 4, "rank": 2, "attention": ["q_proj"]}
    wanted = recipe(method=method, epochs=30)
    (place / "t.json").write_text(json.dumps(wanted))
    code = "import json; from lmloop import run; run(json.load(open('t.json')), home='cut', workers=1)"
    for lines in (12, 60):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as going:
            while going.poll() is None and _lines(place) < lines:
                time.sleep(0.01)
            going.kill()
        assert going.returncode == -signal.SIGKILL
    whole = run(wanted, home=place / "whole", workers=1)["tuned"]
    done = run(wanted, home=place / "cut", workers=1)["tuned"]
    weights = [name for name in list_files(whole.path) if name.endswith((".safetensors", "metrics.jsonl"))]
    assert len(weights) > 2
    for name in weights:
        assert (done.path / name).read_bytes() == (whole.path / name).read_bytes(), name


def _lines(place):
    return sum(path.read_bytes().count(b"\n") for path in place.glob("cut/tuned-*.part/metrics.jsonl"))


def test_it_stops_when_it_gets_no_better_and_keeps_the_best(place):
    done = tuned(
        place / "runs", epochs=40, optimizer={"learning_rate": 3e-2}, evaluate={"held": 0.2, "every": 5, "patience": 2}
    )
    held = [row for row in rows(done) if "held" in row]
    means = [np.mean([score["loss"] for score in row["held"].values()]) for row in held]
    best = int(np.argmin(means))
    assert done.metrics["best_step"] == held[best]["step"]
    assert len(held) == best + 3
    assert done.metrics["steps"] == held[-1]["step"] < 40 * 5


def test_what_cannot_be_learnt_is_counted_and_kept_to_look_at(place):
    write(
        place / "odd.jsonl",
        [
            {"messages": [said("user", "x" * 50), said("assistant", "y")]},
            {"messages": [said("user", "short"), said("assistant", "z" * 50)]},
            {"messages": [said("user", "fine"), said("assistant", "yes")]},
        ],
    )
    write(place / "empty.jsonl", [{"prompt": [turn("user", "a")], "text": " \n"}, {"text": "a document"}])
    raw = {"id": "empty", "use": "ingest", "reader": {"use": "jsonl", "files": ["empty.jsonl"]}}
    wanted = recipe(files=("next", "odd"))
    wanted["step"] = [raw, *wanted["step"]]
    wanted["step"][-1]["from"].append("empty")
    done = run(wanted, home=place / "runs", workers=1)["tuned"]
    assert done.metrics["drop/finetune/the prompt alone fills the context"] == 1
    assert done.metrics["drop/finetune/the reply is empty"] == 1
    assert done.metrics["cut"] == 1
    assert {row["drop.reason"] for row in find(done.path, [], Choice())} == {
        "the prompt alone fills the context",
        "the reply is empty",
    }
    wanted["step"][-1]["data"] = {"too_long": "drop"}
    done = run(wanted, home=place / "runs", workers=1)["tuned"]
    assert done.metrics["drop/finetune/too long"] == 2


def test_the_report_shows_losses_examples_and_replies(place):
    done = tuned(place / "runs", method={"use": "mixlora", "experts": 4, "rank": 2})
    shown = {block.title: block for block in blocks.read(done.path / BLOCKS)}
    assert [line.name for line in shown["Loss"].lines] == ["training", "held out: last", "held out: next"]
    assert shown["Loss"].lines[1].x[0] == 0
    assert shown["Examples by task"].categories == ("last", "next")
    assert any("after" in passage.label for passage in shown["What it replies"].passages)


@pytest.mark.parametrize("goal", ["dpo", "kto", "simpo", {"use": "orpo", "weight": 1.0}, "ipo"])
def test_preferences_move_what_is_said(place, goal):
    done = tuned(place / "runs", files=("votes",), objective=goal, epochs=8, optimizer={"learning_rate": 5e-3})
    assert done.metrics["margin/votes"] > 0
    if goal != "kto":
        assert done.metrics["accuracy/votes"] > 0.9
    prompt = (Turn("text", "<user>ab?\n<assistant>"),)
    models = [open_model(folder) for folder in (base_model(place), done.path)]
    scores = [[model.score([(prompt, text)])[0].logprob for text in ("c\n", "!!\n")] for model in models]
    assert scores[1][0] - scores[1][1] > scores[0][0] - scores[0][1] + 1


def test_a_reward_model_prefers_what_people_did(place):
    done = tuned(place / "runs", files=("votes",), objective="reward", epochs=8, optimizer={"learning_rate": 5e-3})
    assert done.metrics["accuracy/votes"] == 1
    judge = open_model(done.path)
    prompt = (Turn("user", "ab?"),)
    better, worse = judge.score([(prompt, "c"), (prompt, "!!")])
    assert worse.logprob < better.logprob <= 0
    alone = judge.score([(prompt, "!!")])[0]
    assert alone.logprob == pytest.approx(worse.logprob, abs=1e-5)


VOWELS = """\
\"\"\"Vowels: write as many as you can.\"\"\"

from collections.abc import Iterator, Sequence
from typing import ClassVar

from lmloop.core.model import Generates, Reply, Request, Sampling, Writing
from lmloop.core.record import Record, Turn
from lmloop.core.task import Grade, Task


class Vowels(Task):
    \"\"\"Count the letters a and e in a reply.\"\"\"

    needs: ClassVar[tuple[type, ...]] = (Generates,)

    def questions(self) -> Iterator[Record]:
        for letter in (*"bcdfgh", "long" * 9):
            yield Record(prompt=(Turn("user", letter),))

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        return [] if said else [Writing(record.prompt, Sampling(max_tokens=6))]

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        text = said[0].text
        return Grade(record.id, {"score": sum(letter in "ae" for letter in text) / 6})
"""


@pytest.mark.parametrize("method", [LORA, {"use": "moelora", "experts": 4, "rank": 4, "tasks": 1}])
def test_a_task_that_grades_itself_is_a_reward(place, method):
    (place / "vowels.py").write_text(VOWELS)
    goal = {"use": "grpo", "questions": 2, "replies": 8, "tokens": 6, "beta": 0.0}
    settings = {"objective": goal, "tasks": ["./vowels.py"], "from": [], "epochs": 8 if method == LORA else 1}
    done = tuned(place / "runs", files=(), method=method, **settings)
    assert (done.metrics["examples"], done.metrics["held"]) == (5, 1)
    left = find(done.path, [], Choice())
    assert [row["drop.reason"] for row in left] == ["the prompt leaves no room for a reply"]
    assert done.metrics["drop/finetune/the prompt leaves no room for a reply"] == 1
    assert done.metrics["steps"] == (20 if method == LORA else 2)
    held = [row["held"]["vowels"] for row in rows(done) if "held" in row]
    assert all(row["loss"] == pytest.approx(-row["reward"], abs=1e-5) for row in held)  # without a pull
    assert held[0]["reward"] == done.metrics["before/reward/vowels"]
    if method == LORA:
        assert len(held) > 5
        assert done.metrics["reward"] > done.metrics["before/reward"] + 0.1
        assert done.metrics["reward/vowels"] > done.metrics["before/reward/vowels"] + 0.1
        assert {"Held-out reward", "Reward"} <= {block.title for block in blocks.read(done.path / BLOCKS)}
    with pytest.raises(LmloopError, match="does not ask for one written reply"):
        tuned(place / "runs", files=(), **{**settings, "tasks": ["spelling"]})
    with pytest.raises(LmloopError, match="tasks alone"):
        tuned(place / "runs", **{**settings, "from": ["next"]})


@pytest.mark.parametrize("method", [{**LORA, "targets": ["ffn"]}, "full"])
def test_a_model_of_another_family_is_tuned_and_opens_in_transformers(place, method):
    import torch

    transformers = pytest.importorskip("transformers")
    write_foreign(place / "model")
    done = tuned(place / "runs", method=method, merged=True, epochs=4)
    assert done.metrics["loss/next"] < done.metrics["before/next"] - 0.1
    theirs = transformers.AutoModelForCausalLM.from_pretrained(done.path)
    before = transformers.AutoModelForCausalLM.from_pretrained(place / "model")
    ids = torch.arange(97, 107)[None]
    with torch.no_grad():
        assert not torch.allclose(theirs(ids).logits, before(ids).logits, atol=1e-2)
    assert json.loads((done.path / "model.json").read_text()) == {"use": "transformers"}


def test_a_plan_says_what_is_trained_and_what_it_costs(place, capsys):
    from lmloop.faces.cli import app

    plain = recipe(files=("next",), method={"use": "lora", "rank": 4})
    done = run(plain, home=place / "runs", workers=1)["tuned"]
    step = plain["step"][-1] | {"id": "more", "base": str(place / "model"), "method": {"use": "lora", "rank": 8}}
    lines = ["name = 't'", "seed = 3"]
    for row in (*plain["step"], step):
        lines.append("[[step]]")
        lines += [f"{key} = {_toml(value)}" for key, value in row.items()]
    (place / "t.toml").write_text("\n".join(lines))
    with pytest.raises(SystemExit):
        app.main(["plan", "t.toml", "--home", "runs"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"trains {2 * done.metrics['trained']:,} of" in said
    assert "72 records, at most 4,608 tokens" in said


def _toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_ranks_tune_as_one(place, parallel):
    method = {"use": "mixlora", "experts": 4, "rank": 2, "dropout": 0, "balance": 0}
    same = {"method": method, "batch": 256, "epochs": 1, "optimizer": {"learning_rate": 1e-3}}
    alone = tuned(place / "alone", **same)
    both = tuned(place / "both", **same, compute={**COMPUTE, "ranks": 2, "parallel": parallel})
    losses = [[row["loss"] for row in rows(done) if "gradient" in row] for done in (alone, both)]
    assert np.allclose(*losses, rtol=1e-3)
    assert both.metrics["loss/next"] == pytest.approx(alone.metrics["loss/next"], rel=1e-3)
    assert open_model(both.path).generate([(Turn("text", "a"),)], Sampling(max_tokens=2))


def test_a_lora_of_equal_size_is_tuned_beside_a_mixture(place):
    method = {"use": "mixlora", "experts": 4, "rank": 2}
    done = tuned(place / "runs", method=method, baseline=True)
    assert done.metrics["baseline/trained"] == pytest.approx(done.metrics["trained"], rel=0.25)
    assert "baseline/loss/next" in done.metrics
    shown = {block.title: block for block in blocks.read(done.path / BLOCKS)}
    assert [row[0] for row in shown["Beside a LoRA of equal size"].rows] == ["mixlora", "lora of equal size"]
    heat = shown["Which task uses which expert"]
    assert heat.rows == ("last", "next")
    assert all(sum(row) == pytest.approx(1, abs=0.01) for row in heat.values)
    assert len(shown["Load of the experts"].rows) == 1
    assert shown["How alike the experts are"].values[0][0] == 1
    assert open_model(done.path / "baseline").generate([(Turn("text", "a"),)], Sampling(max_tokens=2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base": ""}, "starts from one model"),
        ({"base": "nowhere"}, "no model in"),
        ({"context": 4096}, "made for 128 tokens"),
        ({"mixture": {"three": 1}}, "no task 'three'"),
        ({"mixture": {"next": 0, "last": 0}}, "nothing to learn"),
        ({"method": "lorra"}, "no method called 'lorra'"),
        ({"method": {"use": "moelora", "tasks": 1}}, "knows 1 tasks"),
        ({"optimizer": {"use": "muon"}}, "muon changes whole matrices"),
        ({"objective": "dpo"}, "nothing says which reply is better: 144"),
        ({"objective": "dop"}, "no objective 'dop'"),
        ({"baseline": True, "method": "full"}, "beside one method"),
        ({"data": {"template": "none.jinja"}}, "no file"),
    ],
)
def test_mistakes_are_told(place, settings, message):
    with pytest.raises(LmloopError, match=message):
        tuned(place / "runs", **settings)
