import json

import pytest

from lmloop import run
from lmloop.core.errors import LmloopError
from lmloop.stages.emergence import EXAMPLE, Emergence
from lmloop.testing import check_step


def recipe(table, **settings):
    jumps = {"id": "jumps", "use": "emergence", "table": str(table), **settings}
    return {"name": "t", "step": [jumps, {"id": "page", "use": "report", "from": ["jumps"]}]}


def test_passes_the_battery():
    check_step(Emergence.example())


def test_a_long_table(tmp_path):
    done = run(recipe(EXAMPLE), home=tmp_path)
    metrics = done["jumps"].card.metrics
    assert metrics["tasks"] == 5
    assert metrics["smooth under a continuous metric"] == 2
    assert metrics["no signal"] == 1
    assert metrics["inverse"] == 1
    page = (done["page"].path / "report.html").read_text()
    assert "minus brier (continuous)" in page
    assert "breakthroughness" in page
    assert len((done["jumps"].path / "scores.jsonl").read_text().splitlines()) == 100


def test_a_wide_table(tmp_path):
    table = tmp_path / "scores.csv"
    rows = [f"m{n},{3 - n / 10},{10**n},{n / 10},{0.3 if n == 9 else 0},x" for n in range(10)]
    table.write_text("model,loss,params,easy,hard,note\n" + "\n".join(rows))
    metrics = run(recipe(table), home=tmp_path / "a")["jumps"].card.metrics
    assert metrics["tasks"] == 2
    assert metrics["smooth"] == 1
    chance = {"easy": 0.95, "hard": 0.5}
    assert run(recipe(table, chance=chance), home=tmp_path / "b")["jumps"].card.metrics["no signal"] == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [("task,metric,value\na,b,1\n", "scale of its models"), ("loss,task,metric,value\n1,a,b,c\n", "no score")],
)
def test_tables_that_hold_no_scores(tmp_path, text, told):
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(LmloopError, match=told):
        run(recipe(tmp_path / "scores.csv"), home=tmp_path)


def test_it_reads_a_table_or_models(tmp_path):
    with pytest.raises(LmloopError, match="reads a table, or models"):
        run({"name": "t", "step": [{"id": "jumps", "use": "emergence"}]}, home=tmp_path)


def test_scores_are_kept_as_they_were(tmp_path):
    done = run(recipe(EXAMPLE), home=tmp_path)
    first = json.loads((done["jumps"].path / "scores.jsonl").read_text().splitlines()[0])
    assert first["task"] == "copy 1"
