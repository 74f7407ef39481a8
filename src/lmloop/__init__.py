"""lmloop: one package for the whole life of a language model.

Public names load on first use (PEP 562), so that ``import lmloop`` costs nothing.
Inside the package import from the module that defines a thing, never from here.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmloop.core.batch import from_records, from_texts, rows
    from lmloop.core.errors import LmloopError
    from lmloop.core.op import Barrier, Filter, Map, Op
    from lmloop.core.part import Part
    from lmloop.core.recipe import Recipe
    from lmloop.core.record import Record, Turn
    from lmloop.core.run import Run, run
    from lmloop.core.step import Artifact, Context, Step
    from lmloop.core.store import Store
    from lmloop.core.task import Grade, Task

_HOME = {
    "Artifact": "core.step",
    "Barrier": "core.op",
    "Context": "core.step",
    "Filter": "core.op",
    "Grade": "core.task",
    "LmloopError": "core.errors",
    "Map": "core.op",
    "Op": "core.op",
    "Part": "core.part",
    "Recipe": "core.recipe",
    "Record": "core.record",
    "Run": "core.run",
    "Step": "core.step",
    "Store": "core.store",
    "Task": "core.task",
    "Turn": "core.record",
    "from_records": "core.batch",
    "from_texts": "core.batch",
    "rows": "core.batch",
    "run": "core.run",
}

__all__ = [
    "Artifact",
    "Barrier",
    "Context",
    "Filter",
    "Grade",
    "LmloopError",
    "Map",
    "Op",
    "Part",
    "Recipe",
    "Record",
    "Run",
    "Step",
    "Store",
    "Task",
    "Turn",
    "from_records",
    "from_texts",
    "rows",
    "run",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home module on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'lmloop' has no attribute {name!r}")
    return getattr(import_module(f"lmloop.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
