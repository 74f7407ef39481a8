"""What is there is kept, what changed is made again with all that hangs on it, and why is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmloop import LmloopError, Recipe, Run, Store, run
from lmloop.core.card import Card, damage
from lmloop.core.errors import DataError, StepError
from lmloop.core.lineage import ancestors, compare, find_run, finished
from lmloop.core.plan import Planned, differences, plan
from lmloop.core.progress import Lines, Silent

RECIPE: dict[str, Any] = {
    "name": "mine",
    "seed": 7,
    "step": [
        {"id": "raw", "use": "ingest", "reader": {"use": "text", "files": ["notes"]}},
        {"id": "clean", "use": "curate", "from": ["raw"], "ops": [{"use": "length", "min_characters": 3}, "exact"]},
        {"id": "page", "use": "report", "from": ["clean"]},
    ],
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    for number, text in enumerate(["one text", "二号文本", "one text", "x"]):
        (tmp_path / "notes" / f"{number}.txt").write_text(text, encoding="utf-8")
    return tmp_path


def recipe(home: Path, *sets: str) -> Recipe:
    return Recipe.check(RECIPE, home, sets=sets)


def go(home: Path, *sets: str) -> dict[str, Run]:
    return run(recipe(home, *sets), home / "runs", workers=1)


def planned(home: Path, *sets: str) -> dict[str, Planned]:
    with Store(home / "runs" / "lmloop.db") as store:
        return {step.wired.id: step for step in plan(recipe(home, *sets), home / "runs", store)}


def states(home: Path, *sets: str) -> dict[str, str]:
    return {name: step.state for name, step in planned(home, *sets).items()}


def test_a_second_run_keeps_everything_and_a_plan_says_so(home: Path) -> None:
    assert {step.why for step in planned(home).values()} == {"never made"}
    first = go(home)
    assert all(done.fresh for done in first.values())
    assert not any(done.fresh for done in go(home).values())
    assert states(home) == {"raw": "kept", "clean": "kept", "page": "kept"}
    assert first["clean"].metrics["records"] == 2


@pytest.mark.parametrize(
    ("change", "made", "why"),
    [
        ("clean.ops.length.min_characters=9", ["clean", "page"], "min_characters: 3 -> 9"),
        ("clean.dropped=none", ["clean", "page"], 'dropped: "sample" -> "none"'),
        ("page.title=Mine", ["page"], 'title: "What was made, and from what" -> "Mine"'),
        ("seed=8", ["raw", "clean", "page"], "seed: 7 -> 8"),
        ('raw.reader.files=["notes/*.txt"]', ["raw", "clean", "page"], '"notes" -> "notes/*.txt"'),
    ],
)
def test_a_change_makes_only_what_hangs_on_it(home: Path, change: str, made: list[str], why: str) -> None:
    go(home)
    plans = planned(home, change)
    assert [name for name, step in plans.items() if step.state == "make"] == made
    assert why in plans[made[0]].why
    for name in made[1:]:
        assert "will be made again" in plans[name].why or "seed" in plans[name].why
    assert [name for name, done in go(home, change).items() if done.fresh] == made
    assert [name for name, done in go(home).items() if done.fresh] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda notes: (notes / "0.txt").write_text("another text"),
        lambda notes: (notes / "4.txt").write_text("a new file"),
        lambda notes: (notes / "3.txt").unlink(),
        lambda notes: (notes / "3.txt").rename(notes / "9.txt"),
    ],
)
def test_a_change_of_the_files_is_seen(home: Path, change: Callable[[Path], object]) -> None:
    go(home)
    change(home / "notes")
    step = planned(home)["raw"]
    assert (step.state, step.why) == ("make", "the files it reads have changed")
    assert go(home)["page"].fresh


def test_a_home_can_be_moved_and_a_touched_file_is_the_same(home: Path) -> None:
    go(home)
    (home / "notes" / "0.txt").touch()
    moved = home / "elsewhere"
    (home / "runs").rename(moved)
    assert not any(done.fresh for done in run(recipe(home), moved).values())


def test_files_that_change_while_they_are_read_are_noticed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmloop.stages.ingest import Ingest

    whole = Ingest.run

    def slow(self: Ingest, *arguments: Any) -> Any:
        metrics = whole(self, *arguments)
        (home / "notes" / "0.txt").write_text("changed in the meantime")
        return metrics

    monkeypatch.setattr(Ingest, "run", slow)
    with pytest.raises(StepError, match="changed while it ran"):
        go(home)
    monkeypatch.undo()
    assert go(home)["raw"].fresh


def test_damage_is_found_and_a_thorough_look_finds_more(home: Path) -> None:
    clean = go(home)["clean"]
    data = clean.path / "data" / "00000.parquet"
    body = bytearray(data.read_bytes())
    body[20] ^= 1
    data.write_bytes(body)
    assert damage(clean.path, clean.card) == ""
    assert damage(clean.path, clean.card, thorough=True) == "content differs: data/00000.parquet"
    data.unlink()
    assert states(home)["clean"] == "damaged"
    assert go(home)["clean"].fresh
    assert states(home)["page"] == "kept"


def test_a_card_is_read_whatever_a_newer_lmloop_added_and_refused_when_it_is_wrong(home: Path) -> None:
    clean = go(home)["clean"]
    said = json.loads((clean.path / "run.json").read_text())
    (clean.path / "run.json").write_text(json.dumps({**said, "more": 1}))
    assert Card.read(clean.path) == clean.card
    for wrong in ({**said, "files": {"a": {}}}, {**said, "seed": "x"}, [], {"id": "clean"}):
        (clean.path / "run.json").write_text(json.dumps(wrong))
        with pytest.raises(DataError, match="is damaged"):
            Card.read(clean.path)


def test_lineage_goes_down_to_the_files(home: Path) -> None:
    runs = go(home)
    page = find_run(home / "runs", "page")
    assert page == runs["page"].path
    lines = [(item.depth, item.card.id if item.card else "") for item in ancestors(home / "runs", page)]
    assert lines == [(0, "page"), (1, "clean"), (2, "raw")]
    assert runs["raw"].card.outside["files"] == 4
    assert [card.id for card in finished(home / "runs")] == ["raw", "clean", "page"]
    with pytest.raises(DataError, match="there is no run 'cleen'") as wrong:
        find_run(home / "runs", "cleen")
    assert "clean" in wrong.value.hint


def test_two_runs_are_compared_by_settings_inputs_and_results(home: Path) -> None:
    before = go(home)["clean"].card
    after = go(home, "clean.ops.length.min_characters=9", "seed=8")["clean"].card
    found = compare(before, after)
    assert found["settings"] == ["ops.0.min_characters: 3 -> 9"]
    assert "seed: 7 -> 8" in found["inputs"]
    assert "records: 2 -> 0 (-100.0%)" in found["results"]


def test_differences_tell_one_from_true() -> None:
    assert differences({"a": 1, "b": [1, 2]}, {"a": True, "b": [1, 3], "c": None}) == [
        "a: 1 -> true",
        "b.1: 2 -> 3",
        "c: new, null",
    ]
    assert differences({"a": 1.0}, {"a": 1.0}) == []


def test_the_same_words_in_python(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    runs = run(RECIPE, sets=["clean.dropped=all"])
    assert runs["page"].path.parent.name == "runs"
    with pytest.raises(LmloopError, match="no file matches"):
        run(RECIPE, sets=['raw.reader.files=["nowhere"]'])


def test_lines_say_how_fast_and_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines(every=0).bar("read", 10.0, "MB") as bar:
        bar.advance(5.0)
    said = capsys.readouterr().err
    assert "read: 50% (5/10 MB)" in said
    assert "MB/s" in said
    assert "s left" in said
    with Silent().bar("read", 1.0, "MB") as bar:
        bar.advance(1.0)
    assert capsys.readouterr().err == ""
