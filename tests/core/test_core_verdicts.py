from pathlib import Path

import pytest

from lmloop import run
from lmloop.core.recipe import Recipe
from lmloop.core.verdicts import changes, is_curated

TEXTS = ("short", "a text of middling length", "长一些的文字，比十个字多得多。", "a text of middling length")


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "texts").mkdir()
    for n, text in enumerate(TEXTS):
        (tmp_path / "texts" / f"{n}.txt").write_text(text, encoding="utf-8")
    steps: list[dict[str, object]] = [{"id": "raw", "use": "ingest", "reader": {"use": "text", "files": ["texts"]}}]
    for name, least, last in (("strict", 20, "exact"), ("loose", 3, "unicode")):
        ops = [{"use": "length", "min_characters": least}, last]
        steps.append({"id": name, "use": "curate", "from": ["raw"], "ops": ops})
    done = run(Recipe.check({"step": steps}, tmp_path), home=tmp_path / "runs", workers=1)
    return {name: each.path for name, each in done.items()}


def test_every_row_is_the_same_or_changed_in_one_way(runs: dict[str, Path]) -> None:
    ops = {"strict": [{"use": "length", "min_characters": 20}], "loose": [{"use": "length", "min_characters": 3}]}
    found = changes(runs["strict"], runs["loose"], [ops["strict"], ops["loose"]])
    assert found.same == 1
    assert [(each.before, each.after, each.rows) for each in found.changed] == [
        ("length: short", "kept", 2),
        ("exact: duplicate", "kept", 1),
    ]
    shown = {row["text"]: row["judged"] for row in found.changed[0].samples}
    assert shown["short"] == [("characters", 5.0, 20.0)]
    assert found.changed[1].samples[0]["text"] == TEXTS[1]


def test_rows_of_one_run_only_are_told(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "texts" / "new.txt").write_text("one that was not there before")
    steps = [
        {"id": "raw", "use": "ingest", "reader": {"use": "text", "files": ["texts"]}},
        {"id": "later", "use": "curate", "from": ["raw"], "ops": [{"use": "length", "min_characters": 3}, "unicode"]},
    ]
    later = run(Recipe.check({"step": steps}, tmp_path), home=tmp_path / "runs", workers=1)["later"].path
    found = changes(runs["loose"], later, samples=0)
    assert [(each.before, each.after, each.rows, each.samples) for each in found.changed] == [
        ("not there", "kept", 1, ())
    ]
    assert found.same == 4


def test_the_same_run_has_no_changes(runs: dict[str, Path]) -> None:
    assert changes(runs["strict"], runs["strict"]).rows == 0
    assert is_curated(runs["strict"])
    assert not is_curated(runs["raw"])
