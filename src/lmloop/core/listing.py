"""What a recipe can name, found by looking at files: nothing is imported, neither parts nor what they need."""

import ast
import pkgutil
from importlib import import_module, metadata
from pathlib import Path
from typing import Literal, TypeAlias, get_args

PartKind: TypeAlias = Literal["ops", "readers", "models", "tasks", "methods", "stages"]
KINDS: tuple[str, ...] = get_args(PartKind)


def own_names(kind: str) -> list[str]:
    """List the package's own parts of a kind."""
    return sorted(_own(kind))


def names(kind: str) -> list[str]:
    """List what a recipe can name, without importing any of it."""
    return sorted({*_own(kind), *(entry.name for entry in metadata.entry_points(group=f"lmloop.{kind}"))})


def described(kind: str) -> dict[str, str]:
    """Give each name with the first line of its file's docstring; of a plug-in, the package it comes from."""
    plugins = {
        entry.name: f"from {entry.dist.name if entry.dist else entry.value}"
        for entry in metadata.entry_points(group=f"lmloop.{kind}")
    }
    found = plugins | {name: _first_line(path) for name, path in _own(kind).items()}
    return dict(sorted(found.items()))


def _own(kind: str) -> dict[str, Path]:
    """Find the package's parts of a kind: a file each, or a folder of the same name."""
    found = {}
    for folder in import_module(f"lmloop.{kind}").__path__:
        for module in pkgutil.iter_modules([folder]):
            inside = f"{module.name}/__init__.py" if module.ispkg else f"{module.name}.py"
            found[module.name.replace("_", "-")] = Path(folder) / inside
    return found


def _first_line(path: Path) -> str:
    doc = ast.get_docstring(ast.parse(path.read_bytes())) or ""
    return doc.partition("\n")[0]
