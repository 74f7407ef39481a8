"""Suites: averages as the published leaderboards compute them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lmloop.core.errors import RecipeError
from lmloop.core.part import build
from lmloop.scoring.suite import Entry, expanded, suite, suite_names


def given(numbers: Mapping[str, Mapping[str, float]]):
    """Answer with means by entry and group."""
    return lambda entry, metric: numbers.get(f"{entry.name}/{metric}", numbers.get(entry.name, {}))


@pytest.mark.parametrize("name", suite_names())
def test_each_suite_can_be_read_and_its_settings_fit_its_tasks(name: str) -> None:
    made = suite(name)
    assert made.title
    assert len({entry.name for entry in made.entry}) == len(made.entry)
    assert all(entry.part in made.parts for entry in made.entry if made.parts)


def test_the_first_leaderboard_is_the_plain_mean_of_six() -> None:
    numbers = {"ARC": 0.25, "HellaSwag": 0.5, "TruthfulQA": 0.4, "WinoGrande": 0.6, "GSM8K": 0.1}
    means = {name: {"": value} for name, value in numbers.items()}
    means["MMLU"] = {"": 0.9, "law": 0.2, "logic": 0.4}
    average = suite("open-llm-leaderboard-v1").average(given(means))
    assert average.entries["MMLU"] == pytest.approx(30.0)
    assert average.total == pytest.approx((25 + 50 + 40 + 60 + 10 + 30) / 6)


def test_the_second_stretches_each_task_from_guessing_and_stops_at_nothing() -> None:
    made = suite("open-llm-leaderboard-v2")
    means = {
        "IFEval/prompt_strict": {"": 0.4},
        "IFEval/inst_strict": {"": 0.6},
        "BBH": {"": 0.5, "navigate": 0.75, "snarks": 0.4, "date_understanding": 7 / 12},
        "MMLU-Pro": {"": 0.55},
        "MuSR": {"": 0.5, "murder_mysteries": 0.75, "object_placements": 0.6, "team_allocation": 1 / 3},
        "GPQA": {"": 0.25},
    }
    average = made.average(given(means))
    assert average.entries["IFEval"] == pytest.approx(50.0)
    assert average.entries["BBH"] == pytest.approx((50 + 0 + 50) / 3)
    assert average.entries["MMLU-Pro"] == pytest.approx(50.0)
    assert average.entries["MuSR"] == pytest.approx((50 + 50 + 0) / 3)
    assert average.entries["GPQA"] == 0.0
    assert average.total is None
    assert average.missing == ["MATH level 5"]
    assert all(entry.task for entry in made.entry)
    whole = made.average(given({**means, "MATH level 5": {"": 0.1}}))
    assert whole.total == pytest.approx((50 + 100 / 3 + 10 + 0 + 100 / 3 + 50) / 6)


def test_parts_weigh_as_published() -> None:
    made = suite("superclue")
    means = {entry.name: {"": 0.9089 if entry.part == "OPEN" else 0.9003} for entry in made.entry}
    assert made.average(given(means)).total == pytest.approx(90.63, abs=0.005)


def test_a_task_fits_an_entry_by_its_protocol() -> None:
    entry = Entry(name="x", task={"use": "mmlu", "profile": "lm-eval", "shots": 5})
    asked = {"benchmark": "mmlu", "profile": "lm-eval", "shots": 5, "limit": 10}
    assert entry.fits(asked)
    assert not entry.fits({**asked, "shots": 0})
    assert not entry.fits({**asked, "benchmark": "cmmlu"})
    own = Entry(name="y", task={"use": "choice", "file": "mine/quiz.jsonl"})
    assert own.fits({"benchmark": "choice", "file": "quiz.jsonl"})
    assert not own.fits({"benchmark": "choice", "file": "other.jsonl"})
    assert not Entry(name="z").fits({"benchmark": "choice"})


def test_a_recipe_names_a_suite_where_it_names_tasks(tmp_path: Path) -> None:
    found = expanded(["spelling", {"use": "suite:chinese-exams", "limit": 3}, "suite:chinese-exams"])
    assert found[0] == "spelling"
    assert [spec["use"] for spec in found[1:]] == ["ceval", "cmmlu", "gaokao", "ceval", "cmmlu", "gaokao"]
    assert found[1]["limit"] == 3
    assert [build("tasks", spec).name() for spec in found[1:4]] == ["ceval", "cmmlu", "gaokao"]
    own = tmp_path / "mine.toml"
    own.write_text('title = "mine"\n[[entry]]\nname = "a"\ntask = { use = "spelling" }\n')
    assert expanded([f"suite:{own}"]) == [{"use": "spelling"}]


def test_unknown_suites_and_settings_are_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no suite 'open-llm'") as told:
        suite("open-llm")
    assert "open-llm-leaderboard-v1" in told.value.hint or "there are" in told.value.hint
    own = tmp_path / "mine.toml"
    own.write_text('title = "mine"\n[[entry]]\nname = "a"\nmetric = "acc"\n')
    with pytest.raises(RecipeError, match=r"entry\.0\.metric"):
        suite(str(own))
