"""The verbs that only look: plan, show, why, diff, list."""

import json
import shutil
from pathlib import Path

import pytest
from verb_project import RECIPE, Call


def test_plan_runs_nothing(fresh: Path, call: Call) -> None:
    result = call("plan", "mine.toml")
    assert result.exit_code == 0, result.output
    assert "3 to make" in result.stdout
    assert "never made" in result.stdout
    assert not (fresh / "runs").exists()


def test_plan_says_why(project: Path, call: Call) -> None:
    result = call("plan", "mine.toml", "--set", "clean.ops.length.min_characters=1")
    assert "ops.1.min_characters: 12 -> 1" in result.stdout
    assert "'clean' will be made again" in result.stdout
    assert "1 kept, 2 to make" in result.stdout


def test_plan_sees_a_changed_file(project: Path, call: Call) -> None:
    (project / "notes" / "new.txt").write_text("A new note, long enough.")
    assert "the files it reads have changed" in call("plan", "mine.toml").stdout


def test_plan_sees_damage(project: Path, call: Call) -> None:
    next(project.glob("runs/clean-*/data/*.parquet")).unlink()
    result = call("plan", "mine.toml")
    assert "data/00000.parquet is missing" in result.stdout
    assert "1 damaged, to make again" in result.stdout


def test_plan_as_json(project: Path, call: Call) -> None:
    rows = json.loads(call("plan", "mine.toml", "--json").stdout)
    assert [(row["id"], row["use"], row["from"], row["state"]) for row in rows] == [
        ("raw", "ingest", [], "kept"),
        ("clean", "curate", ["raw"], "kept"),
        ("report", "report", ["clean"], "kept"),
    ]


def test_show_the_card_and_what_was_found(project: Path, call: Call) -> None:
    text = call("show", "clean").stdout
    for part in (
        "records, made by curate",
        "length (min_characters = 12)",
        "data/00000.parquet",
        "Where the documents",
    ):
        assert part in text


def test_show_rows(project: Path, call: Call) -> None:
    text = call("show", "clean", "--rows", "3").stdout
    assert "1. notes/a.txt" in text
    assert "第二篇笔记" in text
    assert "\x1b" not in call("show", "raw", "--rows", "9").stdout


def test_show_rows_as_json_lines(project: Path, call: Call) -> None:
    rows = [json.loads(line) for line in call("show", "clean", "--rows", "2", "--json").stdout.splitlines()]
    assert [row["meta"]["source"] for row in rows] == ["notes/a.txt", "notes/b.txt"]


def test_show_dropped(project: Path, call: Call) -> None:
    text = call("show", "clean", "--dropped").stdout
    assert "length: short  notes/d.txt" in text
    assert "characters 10" in text
    assert "Too short." in text
    assert "exact: duplicate  notes/c.txt" in text


def test_show_dropped_for_one_reason(project: Path, call: Call) -> None:
    text = call("show", "clean", "--dropped", "--op", "exact", "--reason", "duplicate", "-n", "1").stdout
    assert "notes/c.txt" in text
    assert "short" not in text


def test_show_says_which_reasons_there_are(project: Path, call: Call) -> None:
    result = call("show", "clean", "--dropped", "--reason", "duplicates")
    assert result.exit_code == 2
    assert "hint: did you mean 'duplicate'?" in result.stderr


def test_show_looks_up_a_text_that_is_not_kept(project: Path, call: Call) -> None:
    assert call("run", "mine.toml", "--set", "clean.dropped=none", "--workers", "1").exit_code == 0
    text = call("show", "clean", "--dropped").stdout
    assert "the text as it was before this step" in text
    assert "Too short." in text
    for raw in project.glob("runs/raw-*"):
        shutil.rmtree(raw)
    assert "the text is not kept" in call("show", "clean", "--dropped").stdout


def test_show_dropped_says_which_number_decided(project: Path, call: Call) -> None:
    assert "characters 10 < 12" in call("show", "clean", "--dropped", "--op", "length").stdout
    rows = [json.loads(line) for line in call("show", "clean", "--dropped", "-n", "0", "--json").stdout.splitlines()]
    judged = {row["meta"]["source"]: (row["drop.statistic"], row["drop.value"], row["drop.bound"]) for row in rows}
    assert judged == {"notes/c.txt": (None, None, None), "notes/d.txt": ("characters", 10.0, 12.0)}


def test_show_dropped_chosen_and_ordered(project: Path, call: Call) -> None:
    def sources(*options: str) -> list[str]:
        result = call("show", "clean", "--dropped", "--json", *options)
        assert result.exit_code == 0, result.output
        return [json.loads(line)["meta"]["source"] for line in result.stdout.splitlines()]

    assert sources("--near-threshold", "0.2") == ["notes/d.txt"]
    assert sources("--near-threshold", "--limit", "5") == []
    assert sources("--grep", "[Ss]hort") == ["notes/d.txt"]
    assert sources("--source", "c.txt") == sources("--source", "notes/c*") == ["notes/c.txt"]
    assert sources("--sort", "characters") == ["notes/d.txt", "notes/c.txt"]
    assert sources("--sort", "-length.characters") == ["notes/c.txt", "notes/d.txt"]


def test_show_dropped_says_what_it_does_not_know(project: Path, call: Call) -> None:
    assert "did you mean 'characters'?" in call("show", "clean", "--dropped", "--sort", "character").stderr
    assert "is no regular expression" in call("show", "clean", "--dropped", "--grep", "(").stderr


def test_show_rows_of_what_has_none(project: Path, call: Call) -> None:
    result = call("show", "report", "--rows", "1")
    assert result.exit_code == 2
    assert "holds no rows" in result.stderr


def test_show_as_json_is_the_card(project: Path, call: Call) -> None:
    card = json.loads(call("show", "raw", "--json").stdout)
    assert card["use"] == "ingest"
    assert (project / card["folder"] / "run.json").is_file()


def test_why_goes_down_to_the_files(project: Path, call: Call) -> None:
    text = call("why", "report").stdout
    for part in ("report-", "clean-", "raw-", "length (min_characters = 12)", "5 files", "notes/a.txt", "2 more"):
        assert part in text, part
    assert "max_characters" not in text
    assert "notes/e.txt" not in text
    assert "notes/e.txt" in call("why", "report", "--files").stdout


def test_why_as_json(project: Path, call: Call) -> None:
    rows = json.loads(call("why", "clean", "--files", "--json").stdout)
    assert [row["wire"] for row in rows] == ["clean", "raw"]
    assert len(rows[1]["files"]["names"]) == rows[1]["files"]["count"] == 5


def test_why_survives_a_parent_that_is_gone(project: Path, call: Call) -> None:
    next(project.glob("runs/raw-*/run.json")).unlink()
    assert "is gone" in call("why", "clean").stdout


def test_diff_two_runs(project: Path, call: Call) -> None:
    before = next(project.glob("runs/clean-*")).name
    call("run", "mine.toml", "--set", "clean.ops.length.min_characters=1", "--workers", "1")
    text = call("diff", before, "clean").stdout
    assert "ops.1.min_characters: 12 -> 1" in text
    assert "records: 3 -> 4 (+33.3%)" in text
    found = json.loads(call("diff", before, "clean", "--json").stdout)
    assert found["settings"] == ["ops.1.min_characters: 12 -> 1"]
    assert "no difference" in call("diff", before, before).stdout


def test_diff_says_which_rows_changed_verdict(project: Path, call: Call) -> None:
    before = next(project.glob("runs/clean-*")).name
    call("run", "mine.toml", "--set", "clean.ops.length.min_characters=1", "--workers", "1")
    text = call("diff", before, "clean").stdout
    assert "Verdicts  1 rows changed, 4 did not" in text
    assert "length: short -> kept" in text
    assert "notes/d.txt · characters 10 < 12" in text
    assert "Too short." in text
    assert "Too short." not in call("diff", before, "clean", "--rows", "0").stdout
    found = json.loads(call("diff", before, "clean", "--json").stdout)["verdicts"]
    assert (found["same"], found["rows"], found["changed"][0]["before"]) == (4, 1, "length: short")
    assert "Verdicts" not in call("diff", "raw", "clean").stdout


def test_list_everything(project: Path, call: Call) -> None:
    text = call("list").stdout
    for part in ("ops", "readers", "stages", "recipes", "runs", "length", "Keep texts whose length", "quickstart"):
        assert part in text


def test_list_runs_newest_first(project: Path, call: Call) -> None:
    (project / "runs" / "half-0123abcd.part").mkdir()
    lines = call("list", "runs").stdout.splitlines()
    assert [line.partition("-")[0] for line in lines] == ["report", "clean", "raw", "half"]
    assert "was begun and not finished" in lines[-1]
    rows = json.loads(call("list", "runs", "--json").stdout)
    assert [row["step"] for row in rows] == ["report", "clean", "raw"]


def test_list_parts_as_json(fresh: Path, call: Call) -> None:
    assert json.loads(call("list", "ops", "--json").stdout)["length"].startswith("Keep texts")
    assert set(json.loads(call("list", "--json").stdout)) >= {"ops", "readers", "stages", "recipes", "runs"}


@pytest.fixture
def personal(fresh: Path, call: Call) -> Path:
    """A project with e-mail addresses and a telephone number, that looks for them."""
    ops = '["unicode", { use = "length", min_characters = 30 }, { use = "pii", action = "count" }, "exact"]'
    (fresh / "mine.toml").write_text(RECIPE.split("ops = ")[0] + f"ops = {ops}\n", encoding="utf-8")
    for name in ("a.txt", "c.txt"):
        text = "Write to anna@example.org about the old boat, 或者打电话 13812345678。"
        (fresh / "notes" / name).write_text(text, encoding="utf-8")
    (fresh / "notes" / "d.txt").write_text("Or bert@example.org.", encoding="utf-8")
    assert call("run", "mine.toml", "--workers", "1").exit_code == 0
    return fresh


@pytest.mark.parametrize("asked", [("--rows", "9"), ("--dropped",), ("--clusters",)])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_show_masks_personal_data_unless_asked_not_to(personal: Path, call: Call, asked, form) -> None:
    text = call("show", "clean", *asked, *form).stdout
    assert "[EMAIL]" in text
    assert "@example.org" not in text
    plain = call("show", "clean", *asked, *form, "--unmask").stdout
    assert "@example.org" in plain
    assert "[EMAIL]" not in plain
    assert ("13812345678" in plain, "13812345678" in text) == (True, False)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_diff_masks_personal_data_unless_asked_not_to(personal: Path, call: Call, form) -> None:
    before = next(personal.glob("runs/clean-*")).name
    call("run", "mine.toml", "--set", "clean.ops.length.min_characters=1", "--workers", "1")
    assert "Or [EMAIL]." in call("diff", before, "clean", "--rows", "9", *form).stdout
    assert "Or bert@example.org." in call("diff", before, "clean", "--rows", "9", *form, "--unmask").stdout


def test_what_looks_for_no_personal_data_shows_texts_as_they_are(personal: Path, call: Call) -> None:
    assert "anna@example.org" in call("show", "raw", "--rows", "1").stdout
