"""Compiling functions with PyTorch: one kernel a shape, chosen so that it is the same the next time."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import _dynamo

Function = TypeVar("Function", bound=Callable[..., Any])

SHAPES = 64
"""A function may be compiled for so many shapes, and is run without being compiled at all beyond them. PyTorch's own 8
are soon met by rows of many lengths; FlexAttention, uncompiled, then writes all scores down."""


def compiled(function: Function) -> Function:
    """Compile a function, for each shape that it meets."""
    limit = "recompile_limit" if hasattr(_dynamo.config, "recompile_limit") else "cache_size_limit"  # before 2.7
    setattr(_dynamo.config, limit, max(SHAPES, getattr(_dynamo.config, limit)))
    _by_rule()
    made: Any = torch.compile(function, dynamic=False)
    return made  # type: ignore[no-any-return]


def _by_rule() -> None:
    """Let kernels be chosen by rule and not by timing on a GPU: another choice would change the last digits."""
    from torch._inductor import config

    if hasattr(config, "deterministic"):  # from PyTorch 2.9 on
        config.deterministic = True
