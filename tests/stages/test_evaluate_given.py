"""Questions that a step made are a task like any other."""

from pathlib import Path

import pytest

from lmloop import Record
from lmloop.core.batch import from_records
from lmloop.core.engine.shards import DATA, ShardWriter
from lmloop.core.errors import DataError, RecipeError
from lmloop.core.record import Turn
from lmloop.core.scores import Scores
from lmloop.core.step import Artifact, Context
from lmloop.stages.evaluate import Evaluate


def given(folder: Path, *records: Record) -> Artifact:
    with ShardWriter(folder / DATA / "00000.parquet") as shard:
        shard.write(from_records(records))
    return Artifact("records", folder, "k", "questions")


def question(text: str, right: int, task: str) -> Record:
    prompt = (Turn("user", text),)
    return Record(prompt=prompt, choices=("the cat sat", "qqq zzz"), answer=right, meta={"task": task})


def test_records_with_choices_are_asked(tmp_path: Path) -> None:
    records = given(tmp_path / "in", question("a", 0, "one"), question("b", 1, "two"), Record("no question"))
    step = Evaluate.model_validate({"models": ["toy"]})
    (tmp_path / "out").mkdir()
    metrics = step.run([records], tmp_path / "out", Context())
    assert metrics["toy/questions"] == 0.5
    found = Scores.read(tmp_path / "out").scores
    groups = {score.group: score.mean for score in found if score.metric == "acc_norm" and score.group}
    assert groups == {"one": 1.0, "two": 0.0}
    (asked,) = Scores.read(tmp_path / "out").tasks
    assert {metric["name"]: metric["chance"] for metric in asked.metrics} == {
        "acc_norm": 0.5,
        "acc": 0.5,
        "acc_bytes": 0.5,
        "brier": 0.0,
    }


def test_what_cannot_be_asked_is_one_message(tmp_path: Path) -> None:
    step = Evaluate.model_validate({"models": ["toy"]})
    with pytest.raises(RecipeError, match="nothing to ask"):
        step.check_inputs({"weights"})
    with pytest.raises(RecipeError, match="no model"):
        Evaluate().check_inputs({"records"})
    with pytest.raises(DataError, match="holds no questions"):
        step.run([given(tmp_path / "in", Record("text"))], tmp_path, Context())
