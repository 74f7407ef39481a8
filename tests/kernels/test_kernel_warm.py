import os
import subprocess
import sys
from pathlib import Path

from lmloop.kernels.jit import cache_folder
from lmloop.kernels.warm import warm

HASH = (
    "import pyarrow as pa; from lmloop.kernels.text import text_buffer;"
    "from lmloop.kernels.hashing import hash64; print(hash64(text_buffer(pa.array(['lmloop'])))[0])"
)


def run(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", HASH], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_warm_keeps_machine_code_on_disk():
    warm()
    kept = {file.name.split("-")[0] for file in cache_folder().rglob("*.nbc")}
    assert {"minhash._minhash", "repetition._repetition", "quality._quality", "words._segment"} <= kept


def test_the_cache_goes_where_numba_is_told(tmp_path: Path):
    run(NUMBA_CACHE_DIR=str(tmp_path))
    assert list(tmp_path.glob("kernels-*/*/hashing._hash64*.nbc"))


def test_kernels_run_where_no_cache_can_be_written():
    plain = run()
    # No folder can be made under a file; numba then tries others, and here is told to know of none.
    assert run(NUMBA_CACHE_DIR="/dev/null/no") == plain
    assert run(NUMBA_CACHE_DIR="/dev/null/no", NUMBA_CACHE_LOCATOR_CLASSES="ZipCacheLocator") == plain
