"""One thread for linear algebra: on matrices of five columns, waking others costs a hundred times the work."""

from contextlib import AbstractContextManager
from typing import Any

from lmloop.core.extras import need


def one_thread() -> AbstractContextManager[Any]:
    """While open, the BLAS libraries of this process use one thread."""
    need("scipy.optimize", "train")  # its library must be loaded to be limited
    limits: AbstractContextManager[Any] = need("threadpoolctl", "train").threadpool_limits(1, "blas")
    return limits
