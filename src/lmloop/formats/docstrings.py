"""Docstrings of Python files, read from their source: nothing is imported."""

import ast
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

What: TypeAlias = Literal["module", "class", "function"]


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring and what it describes: its name inside the module (empty for the module itself) and its kind."""

    name: str
    what: What
    text: str


def python_roots() -> list[tuple[str, Path]]:
    """Name the folders to look in: the standard library, the packages here, those of the base installation."""
    stdlib, packages = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
    roots = {"stdlib": stdlib, "packages": packages}
    if sys.prefix != sys.base_prefix:
        roots["base-packages"] = stdlib / "site-packages"
    return [(label, path) for label, path in roots.items() if path.is_dir()]


def read_docstrings(code: bytes) -> list[Docstring]:
    """Read the docstrings of a module, in the order in which they stand.

    Raises:
        ValueError: it is not Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's escape sequences
            tree = ast.parse(code)
    except (SyntaxError, RecursionError) as bad:
        raise ValueError(str(bad)) from None
    return list(_walk(tree, ""))


def _walk(node: ast.AST, name: str) -> Iterator[Docstring]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        if doc := ast.get_docstring(node):
            yield Docstring(name, _what(node), doc)
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _walk(child, f"{name}.{child.name}" if name else child.name)


def _what(node: ast.AST) -> What:
    return "module" if isinstance(node, ast.Module) else "class" if isinstance(node, ast.ClassDef) else "function"
