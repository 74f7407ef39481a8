"""What a model answers hangs on all that it is made of, and so does its fingerprint."""

import json
from pathlib import Path

import pytest

from lmloop.core.errors import DataError
from lmloop.models.lmloop import Lmloop
from lmloop.nn.opening import ADAPTER, stack_digest, write_base


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """The folder of an adapter, beside the model that it sits on."""
    for name in ("base", "tuned"):
        (tmp_path / name).mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    (tmp_path / "base" / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tuned" / ADAPTER).write_text(json.dumps({"r": 4}))
    write_base(tmp_path / "tuned", tmp_path / "base")
    return tmp_path / "tuned"


def test_an_adapter_is_another_on_another_model(adapter: Path) -> None:
    digest, name = stack_digest(adapter), Lmloop(folder=str(adapter)).fingerprint()
    assert digest == stack_digest(adapter)
    (adapter.parent / "base" / "model.safetensors").write_bytes(b"others!")
    assert stack_digest(adapter) != digest
    assert Lmloop(folder=str(adapter)).fingerprint() != name


def test_a_model_that_is_gone_is_one_message(adapter: Path) -> None:
    (adapter.parent / "base").rename(adapter.parent / "elsewhere")
    with pytest.raises(DataError, match="which is not there"):
        stack_digest(adapter)
