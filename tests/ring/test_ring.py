"""The ring, end to end, with toys: text, model, score, vote, and back into data."""

from pathlib import Path

import pytest

from lmloop import LmloopError, Recipe, Run, Store, rows, run
from lmloop.core.engine.shards import list_shards, read_shard

RECIPE = """
name = "ring"
seed = 3

[[step]]
id = "raw"
use = "ingest"
reader = { use = "text", files = ["notes"] }

[[step]]
id = "clean"
use = "curate"
from = ["raw"]
ops = ["unicode", { use = "length", min_characters = 12 }, "exact"]

[[step]]
id = "base"
use = "toy"
from = ["clean"]

[[step]]
id = "votes"
use = "harvest"
from = ["log:vote", "log:forget"]

[[step]]
id = "tuned"
use = "toy"
from = ["clean", "votes"]

[[step]]
id = "score"
use = "evaluate"
from = ["base", "tuned"]
tasks = ["spelling"]

[[step]]
id = "page"
use = "report"
from = ["score"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    texts = ["that the thing and the other thing go with them", "short", "那里的数据和这里的模型，都是好的数据。"]
    for number, text in enumerate([*texts, texts[0]]):
        (tmp_path / "notes" / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "ring.toml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def go(home: Path) -> dict[str, Run]:
    return run(Recipe.read(home / "ring.toml"), home=home / "runs", workers=1)


def fresh(runs: dict[str, Run]) -> list[str]:
    return [name for name, done in runs.items() if done.fresh]


def vote(home: Path, **body: object) -> int:
    with Store(home / "runs" / "lmloop.db") as store:
        return store.append("vote", **body)


def test_a_vote_moves_only_what_hangs_on_it(home: Path) -> None:
    first = go(home)
    assert fresh(first) == ["raw", "clean", "base", "votes", "tuned", "score", "page"]
    assert first["clean"].metrics["records"] == 2
    assert first["score"].metrics["base/spelling"] == first["score"].metrics["tuned/spelling"]
    assert fresh(go(home)) == []

    vote(home, prompt="Which is a word?", choices=["there there there", "rethe"], answer=0, by="安")
    again = go(home)
    assert fresh(again) == ["votes", "tuned", "score", "page"]
    assert again["tuned"].metrics["texts"] == first["tuned"].metrics["texts"] + 1
    page = (again["page"].path / "report.html").read_text(encoding="utf-8")
    for step in ("clean", "votes", "score"):
        assert again[step].path.name in page


def test_what_is_taken_back_is_left_out_and_what_is_no_vote_is_counted(home: Path) -> None:
    kept = vote(home, prompt=[{"role": "user", "text": "猫？"}], choices=["是", "否"], answer=1)
    gone = vote(home, prompt="x", choices=["a", "b"], answer=0)
    vote(home, prompt="x", choices=["a", "b"], answer=2)
    vote(home, nothing="at all")
    with Store(home / "runs" / "lmloop.db") as store:
        store.append("forget", event=gone)
    votes = go(home)["votes"]
    assert votes.metrics == {"records": 1, "skipped": 2}
    (shard,) = list_shards([votes.path])
    (record,) = [record for batch in read_shard(shard.path) for record in rows(batch)]
    assert (record.id, record.choices, record.answer) == (f"event-{kept}", ("是", "否"), 1)
    assert record.prompt[0].text == "猫？"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('from = ["clean"]', 'from = ["cleam"]'), "reads 'cleam', which no earlier step makes"),
        (('from = ["score"]', 'from = ["log:vote"]'), "but 'log:vote' makes log"),
        (('"log:forget"', '"log:forgte"'), "cannot read events of the kind 'forgte'"),
        (('from = ["base", "tuned"]', 'from = ["clean"]'), "there is no model to ask"),
        (('["spelling"]', '["speling"]'), "there is no task called 'speling'"),
        (('["spelling"]', "[]"), "there is nothing to ask"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(home: Path, change: tuple[str, str], message: str) -> None:
    (home / "ring.toml").write_text(RECIPE.replace(*change), encoding="utf-8")
    with pytest.raises(LmloopError, match=message) as wrong:
        go(home)
    assert wrong.value.message
    assert not (home / "runs").exists()
