import os
import subprocess
import sys
from pathlib import Path

import pytest

from lmloop.kernels.compiling.library import state

HASH = (
    "import pyarrow as pa; from lmloop.kernels.text import text_buffer;"
    "from lmloop.kernels.hashing import hash64; print(hash64(text_buffer(pa.array(['lmloop'])))[0])"
)


def run(code: str = HASH, mode: str = "jit", **environment: str) -> str:
    """Run something in a process of its own, where numba compiles if nothing else is said."""
    settings = {**os.environ, "LMLOOP_KERNELS": mode, "LMLOOP_KERNELS_LACKS": "", **environment}
    return subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True).stdout


def test_what_is_compiled_with_the_package_needs_no_numba():
    used, why = state()
    if not used:
        pytest.skip(why)
    code = "import sys; from lmloop.kernels.warm import warm; warm(); print({'numba', 'llvmlite'} & {*sys.modules})"
    assert run(code, "library").strip() == "set()"


def test_the_cache_goes_where_numba_is_told(tmp_path: Path):
    run(NUMBA_CACHE_DIR=str(tmp_path))
    assert list(tmp_path.glob("kernels-*/*/hashing._hash64*.nbc"))


def test_kernels_run_where_no_cache_can_be_written():
    plain = run()
    # No folder can be made under a file; numba then tries others, and here is told to know of none.
    assert run(NUMBA_CACHE_DIR="/dev/null/no") == plain
    assert run(NUMBA_CACHE_DIR="/dev/null/no", NUMBA_CACHE_LOCATOR_CLASSES="ZipCacheLocator") == plain
