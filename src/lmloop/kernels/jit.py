"""How kernels are compiled, and where the machine code is kept.

numba keeps compiled code beside a function's own file and looks for changes in that file alone, so a change
to a helper in another file would leave old machine code in use. Our folder is therefore named by a digest of
every file that goes into a kernel; where no folder can be written, kernels are compiled in each process.

Kernels allocate nothing: callers make the arrays. So they are compiled without numba's reference counts, whose
atomic operations at every call of a helper would take most of the time; one that allocates does not compile.

Before its first kernel numba asks whether there is BLAS, by importing ``scipy.linalg``: a fifth of the time that a
process takes to begin. No kernel of ours multiplies matrices, so it is not asked; another's that does finds BLAS all
the same, as numba imports it when it compiles such a product.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numba.extending

from lmloop.core.user_cache import user_cache

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_numba: Any = numba  # its own type hints know neither all options nor helpers of intrinsics
_OPTIONS = {"nogil": True, "_nrt": False}

intrinsic: Any = numba.extending.intrinsic


def cache_folder() -> Path:
    """Where this version of the kernels keeps its machine code; ``NUMBA_CACHE_DIR`` moves it."""
    digest = hashlib.blake2b(digest_size=8)
    folder = Path(__file__).parent
    for file in sorted(folder.rglob("*.py")):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    return _user_cache() / f"kernels-{digest.hexdigest()}"


def compiled(function: Kernel) -> Kernel:
    """Compile a kernel on its first call; it runs without the interpreter lock and is kept on disk."""
    place = _numba.config.CACHE_DIR
    _numba.config.CACHE_DIR = _FOLDER
    try:
        kernel: Kernel = _numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # neither ours nor any folder of numba's choice can be written
        kernel = _numba.njit(**_OPTIONS)(function)
    finally:
        _numba.config.CACHE_DIR = place
    return kernel


def inlined(function: Kernel) -> Kernel:
    """Compile a helper into each kernel that calls it."""
    kernel: Kernel = _numba.njit(forceinline=True, **_OPTIONS)(function)
    return kernel


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


def _user_cache() -> Path:
    return Path(_numba.config.CACHE_DIR) if _numba.config.CACHE_DIR else user_cache()


_FOLDER = str(cache_folder())
_skip_blas()
