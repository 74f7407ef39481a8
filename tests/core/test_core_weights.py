"""A model is found by its name, wherever it comes from."""

from pathlib import Path

import pytest

from lmloop.core.errors import LmloopError
from lmloop.core.weights import named_model, write_model
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
