"""numba, for kernels that are compiled here and now: how it is asked, and where it keeps machine code.

numba keeps compiled code beside a function's own file and looks for changes in that file alone, so a change
to a helper in another file would leave old machine code in use. Our folder is therefore named by a digest of
every file that goes into a kernel; where no folder can be written, kernels are compiled in each process.

Kernels allocate nothing: callers make the arrays. So they are compiled without numba's reference counts, whose
atomic operations at every call of a helper would take most of the time; one that allocates does not compile.

Before its first kernel numba asks whether there is BLAS, by importing ``scipy.linalg``: a fifth of the time that a
process takes to begin. No kernel of ours multiplies matrices, so it is not asked; another's that does finds BLAS all
the same, as numba imports it when it compiles such a product.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from lmloop.core.errors import ExtraMissing
from lmloop.core.user_cache import user_cache
from lmloop.kernels.compiling.library import digest, trouble

OPTIONS = {"nogil": True, "_nrt": False}
_KEPT = {"cache": True}


def cache_folder() -> Path:
    """Where this version of the kernels keeps what numba compiles; ``NUMBA_CACHE_DIR`` moves it."""
    told = os.environ.get("NUMBA_CACHE_DIR")
    return (Path(told) if told else user_cache()) / f"kernels-{digest()}"


@cache
def numba() -> Any:
    """Import numba.

    Raises:
        ExtraMissing: it is not installed.
    """
    try:
        module = importlib.import_module("numba")
    except ModuleNotFoundError:
        raise ExtraMissing(
            f"kernels must be compiled on use here, which needs the package 'numba': {trouble()}",
            hint="pip install 'lmloop[kernels]', or install lmloop again on this machine",
        ) from None
    importlib.import_module("numba.extending")
    _skip_blas()
    return module


def prepare_building(processor: str, features: str) -> None:
    """Compile for a processor from now on; keep nothing on disk, and make nothing that only Python calls."""
    config = numba().config
    config.CPU_NAME, config.CPU_FEATURES = processor, features
    OPTIONS.update(no_cpython_wrapper=True, no_cfunc_wrapper=True)
    _KEPT.clear()


def compile_on_use(function: Callable[..., Any]) -> Any:
    """Compile a kernel on its first call; what is compiled is kept on disk."""
    tool = numba()
    place = tool.config.CACHE_DIR
    tool.config.CACHE_DIR = str(cache_folder())
    try:
        return tool.njit(**_KEPT, **OPTIONS)(function)
    except RuntimeError:  # neither ours nor any folder of numba's choice can be written
        return tool.njit(**OPTIONS)(function)
    finally:
        tool.config.CACHE_DIR = place


def _skip_blas() -> None:
    """Load numba's part that asks for BLAS without ``scipy.linalg``, and answer it by whether scipy is there."""
    asks, asked_for = "numba.np.arraymath", "scipy.linalg"
    if asks in sys.modules or asked_for in sys.modules:
        return
    sys.modules[asked_for] = None  # type: ignore[assignment]  # which is how Python writes that there is none
    try:
        module: Any = importlib.import_module(asks)
    finally:
        del sys.modules[asked_for]
    module._HAVE_BLAS = importlib.util.find_spec("scipy") is not None
