"""From text to a ladder of trained models, and from there to a law and to whose jumps are whose."""

import json

import pytest

from lmloop import run
from lmloop.core.step import BLOCKS
from lmloop.report import blocks

COMPUTE = {"precision": "fp32", "threads": 1, "compile": "off"}
METRICS = {"exact_match", "edit_similarity", "log_likelihood", "choice", "brier"}
pytestmark = pytest.mark.usefixtures("one_thread")


def trained(width, tokens):
    shape = {"depth": 1, "context": 32, "model": {"width": width, "heads": 2, "kv_heads": 2, "hidden": 2 * width}}
    how = {"tokens": tokens, "batch": 256, "compute": COMPUTE, "evaluate": {"sample_tokens": 0, "every": 1000}}
    return {"id": f"w{width}-{tokens}", "use": "pretrain", "from": ["tokens"], **shape, **how}


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Sentences that can be foretold, and five models that have read them more or less often."""
    monkeypatch.chdir(tmp_path)
    lines = [
        f"the ship {n % 7} went to sea, and the bird {n % 5} flew over the hill. 鸟{n % 3}飞过山。 " * 4
        for n in range(90)
    ]
    (tmp_path / "text.jsonl").write_text("\n".join(json.dumps({"text": line}) for line in lines), encoding="utf-8")
    ladder = [trained(8, 2_000), trained(8, 16_000), trained(32, 2_000), trained(32, 16_000), trained(32, 40_000)]
    names = [step["id"] for step in ladder]
    return {
        "name": "t",
        "step": [
            {"id": "text", "use": "ingest", "reader": {"use": "jsonl", "files": ["text.jsonl"]}},
            {"id": "words", "use": "tokenizer", "from": ["text"], "vocab_size": 352},
            {"id": "tokens", "use": "pack", "from": ["text", "words"], "held": 0.3},
            *ladder,
            {"id": "law", "use": "scale", "from": names, "draws": 50},
            {"id": "jumps", "use": "emergence", "from": ["tokens", *names], "prompt": 12, "longest": 4, "items": 24},
            {"id": "page", "use": "report", "from": ["law", "jumps"]},
        ],
    }


def test_a_ladder_is_trained_fitted_and_asked(recipe, tmp_path):
    done = run(recipe, home=tmp_path / "runs", workers=1)
    models = [name for name in done if "-" in name]
    losses = {name: done[name].metrics["loss/text"] for name in models}
    assert min(losses, key=losses.__getitem__) == "w32-40000"

    rows = [json.loads(line) for line in (done["jumps"].path / "scores.jsonl").read_text().splitlines()]
    assert len(rows) == len(models) * 3 * len(METRICS)
    assert {row["metric"] for row in rows} == METRICS
    for row in rows:
        assert row["loss"] == losses[row["model"]]
    best = {(row["task"], row["metric"]): row["value"] for row in rows if row["model"] == "w32-40000"}
    worst = {(row["task"], row["metric"]): row["value"] for row in rows if row["model"] == "w8-2000"}
    # the longer the answer, the harder it is to have all of it right; token by token it is as likely
    assert best["next 1 token", "exact_match"] >= best["next 4 tokens", "exact_match"] > 0.2
    assert worst["next 4 tokens", "exact_match"] == 0
    for task in ("next 1 token", "next 2 tokens", "next 4 tokens"):
        assert best[task, "log_likelihood"] > worst[task, "log_likelihood"] + 1
        assert best[task, "brier"] < worst[task, "brier"]
    verdicts = done["jumps"].card.metrics
    assert verdicts["tasks"] == 3
    assert not {"no signal", "inverse", "too few models"} & set(verdicts)

    law = done["law"].card.metrics
    assert law["runs"] == 5
    assert law["known"] == "no"
    titles = [block.title for name in ("law", "jumps") for block in blocks.read(done[name].path / BLOCKS)]
    assert {"Loss over compute", "Whose jumps are they?", "exact_match (all or nothing)"} <= set(titles)
    assert "log_likelihood (continuous)" in (done["page"].path / "report.html").read_text(encoding="utf-8")
