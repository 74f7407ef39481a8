"""A recipe asks a suite, and the leaderboard gives its average."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lmloop.core.part import find
from lmloop.core.recipe import Recipe
from lmloop.core.run import carry_out
from lmloop.core.step import Context
from lmloop.faces.cli import app
from lmloop.scoring.data import data_in

SUITE = """
title = "Two of mine"
[[entry]]
name = "pairs"
task = { use = "pairs" }
over = "groups"
[[entry]]
name = "arc"
task = { use = "arc", level = "challenge", profile = "letters" }
metrics = ["acc", "acc_norm"]
low = 0.25
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("pairs", "arc"):
        for file, content in find("tasks", name).example_files().items():  # type: ignore[attr-defined]
            (tmp_path / "data" / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / file).write_bytes(content)
    (tmp_path / "mine.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    with data_in(tmp_path / "data"):
        yield tmp_path


def made(folder: Path, **board: Any) -> Any:
    steps = [
        {"id": "scores", "use": "evaluate", "models": ["toy"], "tasks": ["suite:./mine.toml"]},
        {"id": "board", "use": "leaderboard", "from": ["scores"], **board},
    ]
    recipe = Recipe.check({"name": "suite", "step": steps}, folder)
    *_, last = carry_out(recipe, folder / "runs", Context(recipe.seed, 1))
    (folder / "board.csv").write_text((last.path / "board.csv").read_text())
    return json.loads((last.path / "board.json").read_text()), (last.path / "board.md").read_text()


def test_the_average_is_that_of_the_suite(folder: Path) -> None:
    data, table = made(folder, suites=["./mine.toml"])
    (told,) = data["suites"]
    csv = (folder / "board.csv").read_text()
    assert f"toy,suite:./mine.toml,average,{told['models']['toy']['total']}," in csv
    cells = {column["task"]: data["cells"][f"toy\n{column['name']}"] for column in data["columns"]}
    groups = [100 * group["mean"] for group in cells["pairs"]["groups"].values()]
    arc = cells["arc"]
    values = [arc["mean"], arc["others"]["acc"]["mean"]]
    stretched = [100 * max(0, (value - 0.25) / 0.75) for value in values]
    wanted = {"pairs": sum(groups) / len(groups), "arc": sum(stretched) / 2}
    found = told["models"]["toy"]
    assert found["entries"] == pytest.approx(wanted, abs=1e-3)
    assert found["total"] == pytest.approx(sum(wanted.values()) / 2, abs=1e-3)
    assert f"| toy | {found['total']:.2f} |" in table


def test_a_suite_of_which_something_is_missing_has_no_average(folder: Path) -> None:
    data, _ = made(folder)
    assert data["suites"] == []
    data, _ = made(folder, suites=["open-llm-leaderboard-v1"])
    found = data["suites"][0]["models"]["toy"]
    assert found["total"] is None
    assert "MMLU" in found["missing"]


def test_eval_takes_a_suite_among_its_tasks(folder: Path) -> None:
    asked = ["eval", "toy", "--tasks", "suite:./mine.toml", "--limit", "2", "--json", "--home", str(folder / "runs")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["scores"]
    assert {score["task"] for score in scores} == {"pairs", "arc"}
    assert next(score["n"] for score in scores if score["task"] == "arc") == 2
