"""A model is found by its name, wherever it comes from."""

from pathlib import Path

import pytest

from lmloop.core.errors import LmloopError
from lmloop.core.weights import named_model, outside_weights, write_model
from lmloop.models.openai import OpenAI
from lmloop.models.toy import Toy, count, write_counts


def test_names_of_back_ends_and_folders(tmp_path: Path) -> None:
    assert named_model("toy", tmp_path) == Toy()
    far = named_model("openai:m@http://host:1", tmp_path)
    assert isinstance(far, OpenAI)
    write_counts(tmp_path, count(["abc"], 2))
    write_model(tmp_path, {"use": "toy", "order": 2})
    assert named_model(str(tmp_path), tmp_path) == Toy(folder=str(tmp_path), order=2)


@pytest.mark.parametrize("name", ["run:tuy", "tuy", "tuy:x"])
def test_what_is_not_there_is_said(name: str, tmp_path: Path) -> None:
    with pytest.raises(LmloopError, match="there is no"):
        named_model(name, tmp_path)


def test_outside_weights_change_with_what_a_folder_holds_and_not_with_its_place(tmp_path: Path) -> None:
    def said(name: str, config: str) -> object:
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(config)
        (tmp_path / name / "notes.txt").write_text(name)
        return outside_weights([tmp_path / name], lambda path: path.read_text())

    assert said("one", "{}") == said("two", "{}") != said("three", "[]")
    assert (outside_weights([tmp_path / "nowhere"], str) or {})["files"] == 0
    assert outside_weights([], str) is None
