"""Several adapters tuned at once: each is what it would have been alone, and each is a model of its own."""

import json
import signal
import subprocess
import sys
import time

import pytest
from finetune_ground import LORA, recipe, settled, tuned
from test_finetune import VOWELS

from lmloop import run
from lmloop.core.card import list_files
from lmloop.core.errors import DataError, LmloopError, RecipeError
from lmloop.core.model import Sampling
from lmloop.core.recipe import Recipe
from lmloop.core.record import Turn
from lmloop.core.step import BLOCKS
from lmloop.core.weights import named_model, open_model
from lmloop.report import blocks

MIXED = {"use": "mixlora", "experts": 4, "rank": 2, "attention": ["q_proj"], "dropout": 0.1}
SEVERAL = {"narrow": LORA, "mixed": MIXED, "scaled": "ia3"}
SAME = (".safetensors", "metrics.jsonl", "routing.json", "samples.json", "trained.json")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    yield from settled(tmp_path, monkeypatch)


def results(folder):
    """The files that hold what was learnt; a checkpoint's names hold the adapter's own, and are looked at by value."""
    return {
        name: (folder / name).read_bytes()
        for name in list_files(folder)
        if name.endswith(SAME) and not name.startswith("checkpoints")
    }


@pytest.mark.parametrize(("objective", "files"), [("sft", ("next", "last")), ("dpo", ("votes",))], ids=str)
def test_each_is_bit_for_bit_what_it_would_have_been_alone(place, objective, files):
    done = tuned(place / "runs", method=SEVERAL, objective=objective, files=files)
    for name, method in SEVERAL.items():
        alone = tuned(place / name, method=method, objective=objective, files=files)
        assert len(wanted := results(alone.path)) >= 3
        assert results(done.path / name) == wanted, name
        assert done.metrics[f"{name}/trained"] == alone.metrics["trained"]


def test_each_has_its_own_rate_its_own_end_and_its_own_best_weights(place):
    done = tuned(
        place / "runs",
        method={"slow": LORA, "fast": LORA},
        epochs=20,
        optimizer={"learning_rate": {"slow": 1e-5, "fast": 3e-2}},
        evaluate={"held": 0.2, "every": 5, "patience": 2},
    )
    rows = {
        name: [json.loads(line) for line in (done.path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("slow", "fast")
    }
    assert max(row["rate"] for row in rows["fast"] if "rate" in row) == pytest.approx(3e-2)
    assert max(row["rate"] for row in rows["slow"] if "rate" in row) == pytest.approx(1e-5)
    assert done.metrics["fast/steps"] != done.metrics["slow/steps"]
    assert done.metrics["fast/loss/next"] < done.metrics["fast/before/next"] - 0.5
    shown = {block.title: block for block in blocks.read(done.path / BLOCKS)}
    table = shown["Adapters that were tuned at once"]
    assert [row[0] for row in table.rows] == ["slow", "fast"]
    assert {line.name for line in shown["Held-out loss of each adapter"].lines} == {"slow", "fast"}


def test_killed_outright_and_gone_on_with_the_bytes_are_the_same(place):
    wanted = recipe(method=SEVERAL, epochs=6)
    (place / "t.json").write_text(json.dumps(wanted))
    code = "import json; from lmloop import run; run(json.load(open('t.json')), home='cut', workers=1)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as going:
        while going.poll() is None and _lines(place) < 20:
            time.sleep(0.01)
        going.kill()
    assert going.returncode == -signal.SIGKILL
    done, whole = (run(wanted, home=place / home, workers=1)["tuned"] for home in ("cut", "whole"))
    assert _weights(done) == _weights(whole)


def _lines(place):
    return sum(path.read_bytes().count(b"\n") for path in place.glob("cut/tuned-*.part/*/metrics.jsonl"))


def _weights(done):
    found = {
        name: (done.path / name).read_bytes()
        for name in list_files(done.path)
        if name.endswith((".safetensors", "metrics.jsonl"))
    }
    assert len(found) > 8
    return found


def test_each_is_evaluated_exported_and_opened_by_its_own_name(place):
    (place / "model" / "model.json").write_text('{"use": "lmloop"}')
    asked = {"id": "scores", "use": "evaluate", "from": ["tuned/narrow", "tuned/mixed"], "tasks": ["spelling"]}
    whole = {"id": "whole", "use": "adapter-export", "from": ["tuned/narrow"]}
    board = {"id": "board", "use": "leaderboard", "from": ["scores"]}
    page = {"id": "page", "use": "report", "from": ["tuned", "tuned/mixed"]}
    done = run(recipe(asked, whole, board, page, method=SEVERAL), home=place / "runs", workers=1)
    tested = json.loads((done["scores"].path / "scores.json").read_text())
    assert {"tuned/narrow", "tuned/mixed"} <= {name.rpartition("/")[0] or name for name in done["scores"].metrics} | {
        one["name"] for one in tested["models"]
    }
    merged = open_model(done["whole"].path)
    alone = named_model("run:tuned/narrow", place / "runs")
    prompt = [(Turn("text", "<user>ab?\n<assistant>"),)]
    said = [one.generate(prompt, Sampling(max_tokens=4))[0].text for one in (merged, alone)]
    assert said[0] == said[1]
    assert "tuned/mixed" in (done["page"].path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(DataError, match="holds several models"):
        named_model("tuned", place / "runs")
    with pytest.raises(DataError, match="no part 'narow'"):
        named_model("run:tuned/narow", place / "runs")


def test_rewards_by_tasks_are_earned_in_turn_too(place):
    (place / "vowels.py").write_text(VOWELS)
    goal = {"use": "grpo", "questions": 2, "replies": 3, "tokens": 3}
    settings = {"objective": goal, "tasks": ["./vowels.py"], "files": (), "epochs": 1}
    done = tuned(place / "runs", method={"narrow": LORA, "scaled": "ia3"}, **settings)
    alone = tuned(place / "alone", method=LORA, **settings)
    assert results(done.path / "narrow") == results(alone.path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"baseline": True}, "baseline is a LoRA beside one method"),
        ({"method": {}}, "it names no adapter"),
        ({"method": {"a": LORA, "b": "qlora"}}, "four bits for all or for none"),
        ({"objective": "reward", "files": ("votes",)}, "a head of its own"),
        ({"optimizer": {"learning_rate": {"narow": 1e-3}}}, "no adapter 'narow'"),
        ({"method": LORA, "optimizer": {"learning_rate": {"a": 1e-3}}}, "rates of several adapters"),
        ({"compute": {"ranks": 2}}, "in one process"),
        ({"method": {"a/b": LORA}}, "no name"),
    ],
)
def test_what_cannot_be_is_said(place, settings, message):
    with pytest.raises(LmloopError, match=message):
        tuned(place / "runs", **({"method": SEVERAL} | settings))


@pytest.mark.parametrize(
    ("wire", "message"), [("tuned", "makes several: narrow, mixed, scaled"), ("tuned/wide", "makes no 'wide'")]
)
def test_a_wire_names_one_of_several(wire, message):
    later = {"id": "scores", "use": "evaluate", "from": [wire], "tasks": ["spelling"]}
    with pytest.raises(RecipeError, match=message):
        Recipe.check(recipe(later, method=SEVERAL))


def test_a_baseline_is_read_by_its_name_too(place):
    asked = {"id": "scores", "use": "evaluate", "from": ["tuned", "tuned/baseline"], "tasks": ["spelling"]}
    done = run(recipe(asked, method=MIXED, baseline=True, epochs=1), home=place / "runs", workers=1)
    assert {"tuned/spelling", "tuned/baseline/spelling"} <= set(done["scores"].metrics)
