"""A leaderboard tells chance from difference, keeps ways of asking apart, and knows what was seen in training."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lmloop import LmloopError, run
from lmloop.core.progress import Silent
from lmloop.core.scores import Scores
from lmloop.stages.arena import EXAMPLE
from lmloop.stages.leaderboard import page_of, told
from lmloop.stages.leaderboard.changes import changes
from lmloop.stages.leaderboard.choosing import Choice, choose, read
from lmloop.stages.leaderboard.exporting import as_csv, as_markdown
from lmloop.stages.leaderboard.gathering import Board, gather
from lmloop.stages.leaderboard.seeing import show

QUESTION = "Which of these many words that stand here in a row of more than thirteen is really a word, and which"
TASK = f'''
"""Sentences: is the first the likelier?"""

from lmloop import Grade, Record, Task
from lmloop.core.model import Scores, Scoring, text_prompt


class Sentences(Task):
    """Ask ``count`` questions, with a mark of the ``way``."""

    needs = (Scores,)
    count: int = 40
    way: str = "plain"

    def questions(self):
        for number in range(self.count):
            text = "{QUESTION} " + " ".join(f"w{{number}}x{{k}}" for k in range(14))
            choices = ("there", "rteeh") if number % 3 else ("rteeh", "there")
            yield Record(prompt=text_prompt(f"{{self.way}}: {{text}}"), choices=choices, answer=0, id=f"q{{number}}",
                         meta={{"question": text}})

    def ask(self, record, said=()):
        return [] if said else [Scoring(record.prompt, choice) for choice in record.choices]

    def grade(self, record, said):
        right = said[0].logprob > said[1].logprob
        group = f"g{{int(record.id[1:]) % 2}}"
        return Grade(record.id, {{"score": float(right)}}, extracted=record.choices[not right], group=group)
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    (folder / "sentences.py").write_text(TASK)
    (folder / "texts").mkdir()
    leak = " ".join(f"w7x{k}" for k in range(14))
    (folder / "texts" / "a.txt").write_text(f"On the web one reads {leak} and more of it, 中文也有。 there there there")
    steps = [
        {"id": "raw", "use": "ingest", "reader": {"use": "text", "files": ["texts"]}},
        {"id": "base", "use": "toy", "from": ["raw"]},
        {
            "id": "scores",
            "use": "evaluate",
            "from": ["base"],
            "models": {"猫": "toy", "flat": {"use": "toy", "order": 0}},
            "tasks": ["./sentences.py", {"use": "./sentences.py", "way": "other"}],
        },
        {"id": "board", "use": "leaderboard", "from": ["scores"], "samples": 6},
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        runs = run({"name": "b", "step": steps}, home=folder / "runs")
    return runs["board"].path


@pytest.fixture(scope="module")
def board(made: Path) -> Board:
    return gather(sorted(made.parent.glob("scores-*")))


@pytest.fixture(scope="module")
def data(made: Path) -> Any:
    return json.loads((made / "board.json").read_text(encoding="utf-8"))


def test_two_ways_of_one_task_are_two_columns_that_say_in_what_they_differ(data: Any) -> None:
    assert [column["name"] for column in data["columns"]] == ["sentences (plain)", "sentences (other)"]
    assert any("way" in line for line in data["columns"][0]["differs"])
    assert data["average"] is None


def test_questions_seen_in_training_are_counted_and_left_out_of_the_clean_score(data: Any) -> None:
    clean = data["cells"]["base\nsentences (plain)"]["clean"]
    assert (clean["seen"], clean["items"], clean["n"]) == (1, 40, 39)
    assert clean["hits"][0]["record"] == "q7"
    assert "w7x0 w7x1" in clean["hits"][0]["words"]
    assert data["cells"]["猫\nsentences (plain)"]["clean"] is None


def test_pairs_are_tested_on_the_items_and_ranks_are_intervals(data: Any) -> None:
    column = data["columns"][0]
    assert {tuple(pair["models"]) for pair in column["pairs"]} == {("base", "猫"), ("base", "flat"), ("猫", "flat")}
    for pair in column["pairs"]:
        assert pair["test"] == "McNemar"
        assert pair["p"] <= pair["holm"] <= 1
    for model in ("base", "猫", "flat"):
        low, high = data["cells"][f"{model}\n{column['name']}"]["ranks"]
        assert 1 <= low <= high <= 3


def test_every_score_leads_to_its_run_and_what_that_came_from(data: Any) -> None:
    run_name = data["cells"]["base\nsentences (plain)"]["run"]
    lineage = [row["folder"].rpartition("-")[0] for row in data["runs"][run_name]["lineage"]]
    assert lineage == ["scores", "base", "raw"]


def test_items_are_chosen_by_verdict_by_two_models_and_by_words(board: Board) -> None:
    column = "sentences (plain)"
    everything = choose(board, Choice(column, "base"))
    right, wrong = (choose(board, Choice(column, "base", which=which))["total"] for which in ("right", "wrong"))
    assert (everything["total"], right + wrong) == (40, 40)
    sides = {way: choose(board, Choice(column, "base", "flat", way)) for way in ("gained", "lost", "differ")}
    assert sides["gained"]["total"] + sides["lost"]["total"] == sides["differ"]["total"] > 0
    for line in sides["lost"]["items"]:
        assert [verdict["value"] for verdict in line["verdicts"]] == [1.0, 0.0]
    assert [line["record"] for line in choose(board, Choice(column, "base", find="W7X3"))["items"]] == ["q7"]
    assert choose(board, Choice(column, "base", group="g1", start=15))["items"][0]["record"] == "q31"
    both = read(board, column, "q7", ["base", "flat"])
    assert [each["model"] for each in both] == ["base", "flat"]
    with pytest.raises(LmloopError, match="has no score in"):
        choose(board, Choice(column, "nobody"))
    with pytest.raises(LmloopError, match="compares two models"):
        choose(board, Choice(column, "base", which="gained"))


def test_no_text_can_leave_its_place_in_the_page(board: Board) -> None:
    page = page_of("<b>猫</b>", board, told(board, Silent(), contamination=False), 3)
    head = page.partition("<script")[0]
    assert "&lt;b&gt;猫" in head
    assert page.count("</script>") == 2


def test_the_files_hold_the_same_numbers(made: Path, data: Any) -> None:
    rows = (made / "board.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + len(data["cells"])
    shown = 100 * data["cells"]["猫\nsentences (plain)"]["mean"]
    assert f"{shown:.1f}" in next(line for line in (made / "board.md").read_text().splitlines() if "| 猫" in line)


def test_a_diff_says_why_and_on_which_items(made: Path) -> None:
    home = made.parent
    steps = [
        {"id": "s", "use": "evaluate", "models": {"m": {"use": "toy", "order": order}}, "tasks": ["spelling"]}
        for order in (3, 0)
    ]
    first, second = (run({"name": "d", "step": [step]}, home=home)["s"].path for step in steps)
    (found,) = changes(first, second)
    assert found.why == ("model.order: 3 -> 0",)
    assert found.difference.lost - found.difference.gained == round((found.before.mean - found.after.mean) * 9)
    assert all(before["value"] != after["value"] for before, after in found.samples)


def test_a_task_without_any_score_and_a_model_without_one_have_no_place_on_the_board(
    made: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(next(made.parent.glob("scores-*")), tmp_path / "runs" / "scores-1"))
    whole = Scores.read(folder)
    left = tuple(s for s in whole.scores if s.model != "base" and s.task != whole.tasks[1].name)
    replace(whole, scores=left).write(folder)
    found = gather([folder])
    assert (list(found.models), len(found.columns)) == (["猫", "flat"], 1)
    assert len(told(found, Silent())["cells"]) == 2


def test_scores_without_questions_stand_beside_the_table(made: Path, tmp_path: Path) -> None:
    battles = {"id": "arena", "use": "arena", "battles": str(EXAMPLE), "rounds": 20}
    arena = run({"name": "a", "step": [battles]}, tmp_path)["arena"].path
    found = gather([next(made.parent.glob("scores-*")), arena])
    data = told(found, Silent())
    (beside,) = data["beside"]
    assert beside["task"] == "arena"
    elos = [numbers["elo"] for numbers in beside["models"].values()]
    assert [elo["mean"] for elo in elos] == sorted((elo["mean"] for elo in elos), reverse=True)
    assert all(elo["low"] <= elo["mean"] <= elo["high"] for elo in elos)
    assert arena.name in data["runs"]
    assert not set(beside["models"]) & {model["name"] for model in data["models"]}
    best = next(iter(beside["models"]))
    assert f"{best},arena,elo," in as_csv(data)
    assert f"arena ({arena.name})" in as_markdown(data)
    assert 'data-part="beside"' in page_of("t", found, data, 0)
    assert any(block.title == "Beside the table: arena" for block in show(data))


def test_scores_without_questions_are_refused_in_one_message(tmp_path: Path) -> None:
    arena = run(
        {"name": "a", "step": [{"id": "arena", "use": "arena", "battles": str(EXAMPLE), "rounds": 2}]}, tmp_path
    )
    with pytest.raises(LmloopError, match="has scores of the step arena, and no questions"):
        gather([arena["arena"].path])
