import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "kernels"))  # tokens_folder


@pytest.fixture(autouse=True)
def always_one_thread(one_thread):
    """All of these tests compute on small tensors."""
