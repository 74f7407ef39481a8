"""What is light stays light: heavy packages are imported on use."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "numpy", "pyarrow", "pydantic", "numba"}


def imported(code: str, folder: Path) -> set[str]:
    """Run code in a process of its own; give the top-level modules it imported."""
    told = f"{code}\nimport sys, json\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", told], cwd=folder, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


def verb(*arguments: str) -> str:
    return f"""
from lmloop.faces.cli import main
import sys
sys.argv = ["lmloop", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def test_import_lmloop_brings_nothing(tmp_path: Path) -> None:
    assert not imported("import lmloop", tmp_path) & {*HEAVY, "click", "rich", "jinja2"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["show", "--help"]])
def test_help_brings_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    assert not imported(verb(*arguments), tmp_path) & {*HEAVY, "rich", "jinja2"}


@pytest.mark.parametrize("arguments", [["list"], ["list", "ops"], ["list", "runs"], ["list", "--json"]])
def test_listing_imports_no_part(tmp_path: Path, arguments: list[str]) -> None:
    assert not imported(verb(*arguments), tmp_path) & HEAVY
