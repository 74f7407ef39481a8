"""The reference says what the code says, and leaves nothing out."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from lmloop.core import errors
from lmloop.core.listing import KINDS, names
from lmloop.faces import reference
from lmloop.faces.cli import app

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def test_pages_are_up_to_date() -> None:
    stale = [path.name for path in reference.stale(FOLDER)]
    assert not stale, "python -m lmloop.faces.reference --write"


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_has_an_entry(kind: str) -> None:
    for name in names(kind):
        assert f"\n## {name}\n" in (FOLDER / f"{kind}.md").read_text(encoding="utf-8"), name


def test_every_verb_has_an_entry() -> None:
    page = (FOLDER / "cli.md").read_text(encoding="utf-8")
    for verb in app.list_commands(click.Context(app)):
        assert f"\n## lmloop {verb}\n" in page


def test_every_error_has_an_entry() -> None:
    page = (FOLDER / "errors.md").read_text(encoding="utf-8")
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.LmloopError):
            assert f"| `{name}` |" in page


def test_drift_is_found_and_put_right(tmp_path: Path) -> None:
    pages = reference.write(tmp_path)
    assert {path.stem for path in pages} >= {"ops", "readers", "stages", "cli", "errors"}
    assert not reference.stale(tmp_path)
    ops = tmp_path / "ops.md"
    ops.write_text("# Mine\n\nBy hand.\n\n" + ops.read_text().replace("## length", "## longth").partition("\n")[2])
    assert [path.name for path in reference.stale(tmp_path)] == ["ops.md"]
    assert reference.write(tmp_path) == [ops]
    assert "By hand." in ops.read_text()
    assert "## length" in ops.read_text()


def test_the_module_fails_on_drift(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lmloop.faces.reference"]
    before = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert before.returncode == 1
    assert "ops.md is not up to date" in before.stderr
    assert subprocess.run([*command, "--write"], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
