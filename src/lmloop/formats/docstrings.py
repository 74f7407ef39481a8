"""Docstrings of Python files, and code without them, read from the source: nothing is imported."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

What: TypeAlias = Literal["module", "class", "function"]
Described = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


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
    return list(_walk(_tree(code), ""))


def without_docstrings(code: bytes) -> str:
    """Give a module's code laid out anew, without docstrings and comments.

    Raises:
        ValueError: it is not Python.
    """
    tree = _tree(code)
    try:
        for node in ast.walk(tree):
            if isinstance(node, Described) and ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
        return ast.unparse(tree)
    except RecursionError as bad:
        raise ValueError(str(bad)) from None


def _tree(code: bytes) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's escape sequences
            return ast.parse(code)
    except (SyntaxError, RecursionError) as bad:
        raise ValueError(str(bad)) from None


def _walk(node: ast.AST, name: str) -> Iterator[Docstring]:
    if isinstance(node, Described):
        if doc := ast.get_docstring(node):
            yield Docstring(name, _what(node), doc)
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _walk(child, f"{name}.{child.name}" if name else child.name)


def _what(node: ast.AST) -> What:
    return "module" if isinstance(node, ast.Module) else "class" if isinstance(node, ast.ClassDef) else "function"
