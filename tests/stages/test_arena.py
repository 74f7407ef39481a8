"""The arena: battles of a table, of votes, and of replies that a judge compares."""

import json
from pathlib import Path

import pytest

from lmloop.core.batch import from_records
from lmloop.core.engine.shards import DATA, ShardWriter
from lmloop.core.errors import DataError, RecipeError
from lmloop.core.part import build
from lmloop.core.record import Record, Turn
from lmloop.core.scores import Scores
from lmloop.core.step import Artifact, Context
from lmloop.stages.arena import BATTLES, EXAMPLE, Arena


def votes(folder: Path, *records: Record) -> Artifact:
    (folder / "votes" / DATA).mkdir(parents=True)
    with ShardWriter(folder / "votes" / DATA / "00000.parquet") as shard:
        shard.write(from_records(records))
    return Artifact("records", folder / "votes", "0" * 32, "votes")


def vote(number: int, answer: int | None, models: tuple[str, ...] = ("owl", "wren")) -> Record:
    prompt = (Turn("user", f"Question {number}?"),)
    return Record("", prompt, ("one", "other"), answer, {"models": list(models)}, f"v{number}")


def test_a_table_is_ranked(tmp_path: Path) -> None:
    metrics = Arena.model_validate({"battles": str(EXAMPLE), "rounds": 20}).run([], tmp_path, Context())
    assert metrics["battles"] == 60
    scores = Scores.read(tmp_path).scores
    assert scores[0].model == "kite"
    assert all(score.low <= score.mean <= score.high and score.metric == "elo" for score in scores)


def test_votes_are_battles_ties_too(tmp_path: Path) -> None:
    given = votes(tmp_path, vote(1, 0), vote(2, 1), vote(3, 0), vote(4, None), vote(5, 0, ("owl",)))
    metrics = Arena(rounds=5).run([given], tmp_path, Context())
    lines = [json.loads(line) for line in (tmp_path / BATTLES).read_text("utf-8").splitlines()]
    assert [line["score"] for line in lines] == [1.0, 0.0, 1.0, 0.5]
    assert float(metrics["owl"]) > float(metrics["wren"])
    with pytest.raises(DataError, match="no battle"):
        Arena().run([votes(tmp_path / "more", vote(1, 0, ()))], tmp_path, Context())


def test_a_judge_that_cannot_be_read_decides_nothing(tmp_path: Path) -> None:
    given = votes(tmp_path, vote(1, 0), vote(2, 1))
    arena = build("stages", {"use": "arena", "judge": "toy", "models": {"one": "toy", "two": "toy"}, "max_tokens": 5})
    with pytest.raises(DataError, match="no battle"):
        arena.run([given], tmp_path, Context())  # type: ignore[attr-defined]
    with pytest.raises(RecipeError, match="set judge"):
        build("stages", {"use": "arena", "models": {"one": "toy"}})


def test_a_broken_table_is_refused_with_its_place(tmp_path: Path) -> None:
    table = tmp_path / "battles.csv"
    table.write_text("model_a,model_b,winner\na,b,model_a\na,b,me\n", "utf-8")
    with pytest.raises(DataError, match=r"battles.csv:2 is no battle"):
        Arena.model_validate({"battles": str(table)}).run([], tmp_path, Context())
