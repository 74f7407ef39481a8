"""The command line answers at once: what it imports first is counted, so that the test knows no clock."""

import subprocess
import sys

import pytest

MOST_MODULES = 420
"""What Python itself brings is some 60 modules, click some 150; pydantic alone would be 250 more."""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_few_modules_are_imported_before_the_answer(arguments: list[str]) -> None:
    code = f"import sys; sys.argv = ['lmloop', *{arguments!r}]\nfrom lmloop.faces.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass\nsys.stderr.write(f'\\n{len(sys.modules)}')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stderr.splitlines()[-1]) < MOST_MODULES


def test_every_part_can_be_named_in_a_recipe_where_torch_is_not_installed() -> None:
    code = """
import sys
sys.modules["torch"] = None
from lmloop.core.listing import own_names
from lmloop.core.part import find
for kind in ("readers", "ops", "models", "tasks", "methods", "stages"):
    for name in own_names(kind):
        find(kind, name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
