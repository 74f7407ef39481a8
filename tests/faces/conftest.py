"""A small project to run verbs in: texts, a recipe, a part, and a finished run."""

import shutil
from pathlib import Path

import click.testing
import pytest
from verb_project import RECIPE, TEXTS, Call

from lmloop.faces.cli import app
from lmloop.kernels.tokenizing.toy import byte_tokenizer
from lmloop.stages.scale import EXAMPLE


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose recipe was run once."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _fill(folder)
        result = invoke("run", "mine.toml", "--workers", "1")
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished project, and the current folder."""
    folder = tmp_path / "project"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")
    return folder


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that was never run, and the current folder."""
    _fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def call() -> Call:
    """Call a verb; stdout and stderr are kept apart."""
    return invoke


def invoke(*arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(app, list(arguments))


def _fill(folder: Path) -> None:
    (folder / "notes").mkdir()
    for name, text in TEXTS.items():
        (folder / "notes" / name).write_text(text, encoding="utf-8")
    (folder / "mine.toml").write_text(RECIPE, encoding="utf-8")
    rows = '{"text": "A row of a file.", "content": "其他字段"}\n{"text": "Another row.", "content": "x"}\n'
    (folder / "rows.jsonl").write_text(rows, encoding="utf-8")
    (folder / "trace.csv").write_text("timestamp,input_length,output_length\n0,9,2\n0.1,5,3\n", encoding="utf-8")
    shutil.copyfile(byte_tokenizer(), folder / "tokenizer.json")
    (folder / "runs.csv").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
