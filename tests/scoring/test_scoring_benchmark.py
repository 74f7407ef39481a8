"""Benchmarks: items from files, put in published forms, known by what they hold."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from lmloop.core.errors import DataError, RecipeError
from lmloop.core.model import Reply, Request
from lmloop.core.record import Record, Turn
from lmloop.core.task import Grade
from lmloop.scoring.benchmark import Benchmark
from lmloop.scoring.data import DATA, Source, data_in
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows


class Quiz(Benchmark):
    """A quiz."""

    source: ClassVar[Source] = Source(
        "quiz", "MIT", "https://example.org/quiz", {"test": ("test/*.jsonl", "*.jsonl"), "shots": ("dev/*.jsonl",)}
    )
    forms: ClassVar[dict[str, Form]] = {
        "official": Form("{question}\n{options}Answer:", option="{letter}. {choice}\n", header="About {subject}.\n\n"),
        "drawn": Form("{question}", " {choice}", shots=2, pick="each"),
        "two": Form(
            "{question}\n{options}Answer:", option="{letter}. {choice}\n", header="About {subject}.\n\n", shots=2
        ),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        for row in read_rows(path):
            yield Item({"question": row["q"], "subject": path.stem}, tuple(row["o"]), row["a"], group=path.stem)

    def ask(self, record: Record, said: tuple[Reply, ...] = ()) -> list[Request]:
        return []

    def grade(self, record: Record, said: tuple[Reply, ...]) -> Grade:
        return Grade(record.id)


def row(number: int) -> str:
    return json.dumps({"q": f"Which {number}?", "o": [f"this {number}", f"that {number}"], "a": number % 2}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, numbers in {"test/birds": range(4), "test/fish": range(4, 7), "dev/birds": range(10, 14)}.items():
        path = tmp_path / "quiz" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(map(row, numbers)))
    return tmp_path


def test_items_are_put_byte_for_byte(folder: Path) -> None:
    first = next(Quiz(data=str(folder), profile="two").questions())
    assert first.prompt == (
        Turn(
            "text",
            "About birds.\n\nWhich 10?\nA. this 10\nB. that 10\nAnswer: A\n\n"
            "Which 11?\nA. this 11\nB. that 11\nAnswer: B\n\nWhich 0?\nA. this 0\nB. that 0\nAnswer:",
        ),
    )
    assert (first.text, first.answer, first.choices) == (" A", 0, ("this 0", "that 0"))
    assert first.meta["subject"] == "birds"


def test_shots_become_turns_of_a_chat(folder: Path) -> None:
    prompt = next(Quiz(data=str(folder), profile="two", chat="turns").questions()).prompt
    assert [turn.role for turn in prompt] == ["user", "assistant", "user", "assistant", "user"]
    assert prompt[0].text.startswith("About birds.\n\nWhich 10?")
    assert prompt[1].text == "A"


def test_a_record_keeps_its_name_in_any_form(folder: Path) -> None:
    one, other = (Quiz(data=str(folder), profile=profile) for profile in ("official", "drawn"))
    assert [record.id for record in one.questions()] == [record.id for record in other.questions()]


def test_what_the_data_holds_is_part_of_the_identity_and_where_it_lies_is_not(folder: Path, tmp_path: Path) -> None:
    here = Quiz(data=str(folder)).identity()
    with data_in(folder):
        assert Quiz().identity() == here
    assert Quiz(data=str(folder / "quiz")).identity() == here
    assert Quiz(data=str(folder), limit=1).identity() != here
    path = folder / "quiz/test/fish.jsonl"
    path.write_text(path.read_text().replace("Which 4", "Which four"))
    assert Quiz(data=str(folder)).identity()["data"] != here["data"]


def test_protocols_differ_in_what_the_forms_differ_in(folder: Path) -> None:
    one, two = (Quiz(data=str(folder), profile=profile).protocol() for profile in ("official", "two"))
    assert {name for name in one if one[name] != two[name]} == {"profile", "shots", "pool"}
    assert json.loads(json.dumps(one)) == one


def test_drawn_shots_are_the_same_each_time_and_follow_the_seed(folder: Path) -> None:
    def prompts(seed: int) -> list[str]:
        return [record.prompt[0].text for record in Quiz(data=str(folder), profile="drawn", seed=seed).questions()]

    assert prompts(1) == prompts(1) != prompts(2)


def test_a_limit_and_subjects_choose_items(folder: Path) -> None:
    assert len(list(Quiz(data=str(folder), limit=2).questions())) == 4
    assert {record.meta["subject"] for record in Quiz(data=str(folder), subjects=["fish"]).questions()} == {"fish"}
    with pytest.raises(RecipeError, match="no subject 'fihs'") as told:
        list(Quiz(data=str(folder), subjects=["fihs"]).questions())
    assert "fish" in told.value.hint


def test_equal_items_get_names_of_their_own(folder: Path) -> None:
    (folder / "quiz/test/fish.jsonl").write_text(row(4) * 3)
    names = [record.id for record in Quiz(data=str(folder), subjects=["fish"]).questions()]
    assert names[1:] == [f"{names[0]}-2", f"{names[0]}-3"]


def test_missing_data_is_told_with_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA, raising=False)
    with pytest.raises(DataError, match="no data of 'quiz': no folder is named") as told:
        Quiz().identity()
    assert "https://example.org/quiz (MIT)" in told.value.hint
    with pytest.raises(DataError, match=str(tmp_path)):
        list(Quiz(data=str(tmp_path)).questions())


def test_files_in_another_layout_are_named(folder: Path) -> None:
    (folder / "quiz/test/fish.jsonl").write_text('{"question": 1}\n')
    with pytest.raises(DataError, match=r"fish.jsonl is not in the layout of .*KeyError 'q'"):
        Quiz(data=str(folder)).identity()


def test_too_many_shots_and_unknown_profiles_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="too few items for 9 shots: 4"):
        list(Quiz(data=str(folder), profile="two", shots=9).questions())
    with pytest.raises(ValueError, match="there are: official, drawn, two"):
        Quiz(profile="other")
