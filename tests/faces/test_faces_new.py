import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from verb_project import Call

import lmloop

KINDS = ("op", "reader", "task", "model", "stage")
ROOT = Path(__file__).parents[2]


def test_new_parts_work_at_once(fresh: Path, call: Call) -> None:
    for kind in KINDS:
        result = call("new", kind, f"my-{kind}", "--dir", "parts")
        assert result.exit_code == 0, result.output
        assert (fresh / "parts" / f"my_{kind}.md").read_text().startswith(f"# my-{kind}\n")
        checked = call("check", "part", f"parts/my_{kind}.py")
        assert checked.exit_code == 0, checked.output
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "parts"], capture_output=True, text=True, check=False
    )
    assert tests.returncode == 0, tests.stdout


def test_a_new_op_works_in_a_recipe(fresh: Path, call: Call) -> None:
    told = call("new", "op", "no-shouting", "--dir", "my_ops").stderr
    assert 'use = "./my_ops/no_shouting.py"' in told
    (fresh / "notes" / "loud.txt").write_text("LISTEN TO WHAT I HAVE TO SAY")
    recipe = (fresh / "mine.toml").read_text().replace('"exact"', '{ use = "./my_ops/no_shouting.py" }')
    (fresh / "mine.toml").write_text(recipe)
    assert call("run", "mine.toml", "--workers", "1").exit_code == 0
    assert "notes/loud.txt" in call("show", "clean", "--dropped", "--reason", "shouting").stdout


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_overwritten(fresh: Path, call: Call, kind: str) -> None:
    (fresh / "test_my_part.py").write_text("mine")
    result = call("new", kind, "my-part")
    assert result.exit_code == 2
    assert "test_my_part.py is there already" in result.stderr
    assert not (fresh / "my_part.py").exists()


@pytest.mark.parametrize("name", ["Loud", "no_shouting", "1st", "../x", "filter", "import", ""])
def test_names_that_are_none(fresh: Path, call: Call, name: str) -> None:
    before = sorted(fresh.iterdir())
    result = call("new", "op", name)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert sorted(fresh.iterdir()) == before


def test_in_a_checkout_parts_go_where_they_live(tmp_path: Path) -> None:
    """A copy of the checkout runs itself: its own lmloop writes the part, the test and the entry in the reference."""
    shutil.copytree(Path(lmloop.__file__).parent, tmp_path / "src" / "lmloop", ignore=shutil.ignore_patterns("__py*"))
    shutil.copytree(ROOT / "docs" / "reference", tmp_path / "docs" / "reference")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    told = python("-c", "from lmloop.faces.cli import main; main()", "new", "op", "no-shouting")
    assert "src/lmloop/ops/no_shouting.py" in told
    assert "lmloop check part no-shouting --kind ops" in told
    assert "## no-shouting" in (tmp_path / "docs" / "reference" / "ops.md").read_text()
    python("-m", "pytest", "-q", "tests/ops/test_no_shouting.py")
    python("-m", "lmloop.faces.reference")
    python("-m", "ruff", "check", "src/lmloop/ops/no_shouting.py")
