"""Docstrings of Python files, read from their source: nothing is imported."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

What: TypeAlias = Literal["module", "class", "function"]


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring and what it describes: its name inside the module (empty for the module itself) and its kind."""

    name: str
    what: What
    text: str


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
