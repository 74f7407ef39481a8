"""Nothing grows beyond what one reader can hold: files, functions, parameters and settings."""

import ast
from pathlib import Path

import pytest

from lmloop.core.listing import KINDS, names
from lmloop.core.part import find
from lmloop.testing.parts import MOST_SETTINGS

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "lmloop"
FILES = [path for folder in (SRC, ROOT / "benchmarks", ROOT / "tests") for path in sorted(folder.rglob("*.py"))]
MOST_LINES, MOST_IN_FUNCTION, MOST_PARAMETERS = 400, 50, 6
BANNED = {"utils", "util", "helpers", "misc", "common"}


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= MOST_LINES
    assert path.stem not in BANNED, "a helper lives with its caller, or in a file named by a noun"
    for function in functions(path):
        assert (function.end_lineno or 0) - function.lineno < MOST_IN_FUNCTION, function.name
        arguments = [*function.args.posonlyargs, *function.args.args]
        own = [each for each in arguments if each.arg not in ("self", "cls")]
        if path.is_relative_to(SRC):
            assert len(own) <= MOST_PARAMETERS, function.name


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in names(kind)])
def test_parts_have_few_settings(kind: str, name: str) -> None:
    assert len(find(kind, name).fields()) <= MOST_SETTINGS
