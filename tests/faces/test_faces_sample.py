"""A model is named alike in every verb: a back-end's name, or a real run of a step that makes weights."""

import json
from pathlib import Path

import pytest
from verb_project import Call

from lmloop.core.weights import named_model
from lmloop.models.toy import Toy

RECIPE = """
[[step]]
id = "raw"
use = "ingest"
reader = { use = "text", files = ["notes"] }

[[step]]
id = "pet"
use = "toy"
from = ["raw"]
"""


@pytest.fixture
def pets(fresh: Path, call: Call) -> Path:
    """The home of a run that made weights."""
    (fresh / "pet.toml").write_text(RECIPE, encoding="utf-8")
    result = call("run", "pet.toml", "--workers", "1")
    assert result.exit_code == 0, result.output
    return fresh / "runs"


def test_a_run_is_opened_by_its_step(pets: Path, call: Call) -> None:
    made = named_model("run:pet", pets)
    assert isinstance(made, Toy)
    [folder] = pets.glob("pet-*")
    assert Path(made.folder) == folder
    said = [call("sample", name, "The", "--temperature", "0") for name in ("run:pet", "pet", str(folder))]
    assert [result.exit_code for result in said] == [0, 0, 0], said[0].output
    assert len({result.stdout for result in said}) == 1
    assert said[0].stdout != call("sample", "toy", "The", "--temperature", "0").stdout


def test_samples_differ_by_their_seeds(fresh: Path, call: Call) -> None:
    rows = json.loads(call("sample", "toy", "the", "--count", "8", "--temperature", "2", "--json").stdout)
    assert len({row["text"] for row in rows}) > 1
    assert all(row["prompt"] == "the" for row in rows)


def test_what_makes_no_weights_cannot_go_on(pets: Path, call: Call) -> None:
    result = call("sample", "run:raw", "The")
    assert result.exit_code != 0
    assert "not weights" in result.stderr
