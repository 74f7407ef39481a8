"""What goes wrong is told in a few lines, with a hint and an exit code, never as a traceback."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from verb_project import RECIPE, Call

LMLOOP = [sys.executable, "-c", "from lmloop.faces.cli import main; main()"]

SLOW = """
import time
from pathlib import Path
from typing import ClassVar

from lmloop.core.step import Step


class Slow(Step):
    makes: ClassVar = "records"

    def run(self, inputs, out, context):
        Path("started").touch()
        time.sleep(60)
"""

MISTAKES = {
    "unknown op": (RECIPE.replace('"exact"', '"exat"'), "there is no op called 'exat'", "did you mean 'exact'"),
    "unknown setting": (
        RECIPE.replace("min_characters", "min_character"),
        "unknown setting 'min_character'",
        "did you mean 'min_characters'",
    ),
    "wrong type": (RECIPE.replace("= 12", '= "x"'), "min_characters: Input should be a valid integer", ""),
    "bad TOML": (RECIPE + "[[", "mine.toml is not valid TOML", ""),
    "bad wire": (RECIPE.replace('["raw"]', '["row"]'), "reads 'row', which no earlier step makes", "'raw'"),
    "no such file": (RECIPE.replace('"notes"', '"nots"'), "no file matches 'nots'", "names are relative to"),
    "not a table": ('step = ["raw"]', "steps are written [[step]]", ""),
    "unknown key": ("nam = 3", "unknown key 'nam'", "did you mean 'name'?"),
}


@pytest.mark.parametrize("verb", [["run"], ["plan"], ["check", "recipe"]])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_a_recipe(fresh: Path, call: Call, verb: list[str], mistake: str) -> None:
    text, message, hint = MISTAKES[mistake]
    if mistake == "no such file" and verb == ["check", "recipe"]:
        return  # checking a recipe looks at no data
    (fresh / "mine.toml").write_text(text, encoding="utf-8")
    result = call(*verb, "mine.toml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert hint in result.stderr.partition("\n\nhint: ")[2]
    assert not list(fresh.glob("runs/*-*"))


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["rnu"], "there is no verb 'rnu'", "did you mean 'run'"),
        (["run"], "missing argument 'RECIPE'", "lmloop run --help"),
        (["run", "nope.toml"], "there is no recipe 'nope.toml'", "mine.toml"),
        (["run", "quikstart"], "there is no recipe 'quikstart'", "did you mean 'quickstart'?"),
        (["run", "notes"], "notes is a folder", "name the .toml file"),
        (["run", "mine.toml", "--sett", "x"], "no such option '--sett'", "lmloop run --help"),
        (["run", "mine.toml", "--set", "x"], "cannot read --set 'x'", "step.setting=value"),
        (["run", "mine.toml", "--set", "claen.dropped=all"], "no step 'claen'", "did you mean 'clean'?"),
        (
            ["run", "mine.toml", "--set", "clean.ops.exat.loose=1"],
            "no part 'exat' in the list",
            "did you mean 'exact'",
        ),
        (["run", "mine.toml", "--until", "claen"], "the recipe has no step 'claen'", "did you mean 'clean'?"),
        (["show", "clean"], "there is no run 'clean' in runs", "lmloop list runs"),
        (["list", "opps"], "'opps' is not one of", "lmloop list --help"),
        (["--bad"], "no such option '--bad'", "lmloop --help"),
    ],
)
def test_mistakes_on_the_command_line(fresh: Path, call: Call, arguments: list[str], message: str, hint: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert hint in result.stderr.partition("hint: ")[2]


def test_without_a_verb_help_is_shown(call: Call) -> None:
    result = call()
    assert result.exit_code == 2
    assert "Recipes and runs:" in result.stderr


def test_version(call: Call) -> None:
    assert call("--version").stdout == "lmloop 0.1.0\n"


def test_a_home_that_cannot_be_written(fresh: Path, call: Call) -> None:
    (fresh / "taken").write_text("a file")
    result = call("run", "mine.toml", "--home", "taken")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: the folder taken cannot be made: File exists\n")


def test_no_traceback_in_a_real_process(fresh: Path) -> None:
    done = subprocess.run([*LMLOOP, "run", "nope"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no recipe 'nope'\n\nhint: ")
    assert "Traceback" not in done.stderr


def test_a_reader_who_leaves_early(project: Path) -> None:
    for arguments in ("show clean", "list", "plan mine.toml", "show raw --rows 5 --json"):
        command = f"'{sys.executable}' -c 'from lmloop.faces.cli import main; main()' {arguments} | true"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert done.stderr == "", arguments


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c(fresh: Path) -> None:
    (fresh / "slow.py").write_text(SLOW)
    (fresh / "slow.toml").write_text('[[step]]\nid = "slow"\nuse = "./slow.py"\n')
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # the tests may run in the background
    command = [*LMLOOP, "run", "slow.toml"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heeding)  # noqa: PLW1509
    for _ in range(300):
        if (fresh / "started").exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped while making slow-" in told
    assert "hint: run it again to go on from there" in told
    assert "Traceback" not in told
