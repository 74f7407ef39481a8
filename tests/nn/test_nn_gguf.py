import pytest

from lmloop.core.errors import DataError
from lmloop.nn.decoder import seeded
from lmloop.nn.gguf import write_gguf
from lmloop.nn.shape import Shape


def test_an_activation_that_llama_cpp_would_compute_otherwise_is_refused(tmp_path):
    pytest.importorskip("gguf")
    shape = Shape(50, 1, 16, 2, 2, 8, 24, 8, activation="relu")
    with pytest.raises(DataError, match="SiLU alone"):
        write_gguf(tmp_path / "m.gguf", shape, seeded(shape, 0).state_dict(), tmp_path, "f32")
    assert not list(tmp_path.iterdir())
