"""Evaluations are killed and resumed, keep what was answered, and say what went wrong."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lmloop
from lmloop import LmloopError, run
from lmloop.core.items import FILE, Items
from lmloop.core.scores import Scores

SLOW = '''
"""A model that takes its time, and notes what it is asked."""

import time
from pathlib import Path

from lmloop.core.model import Reply, told
from lmloop.core.part import Part


class Slow(Part):
    """Prefer the shorter text; ``dead`` questions after which nothing is answered."""

    dead: int = 0

    def score(self, pairs, done=None):
        return told((self._one(text) for _, text in pairs), done)

    def _one(self, text):
        time.sleep(0.02)
        with Path("asked.txt").open("a") as file:
            file.write(text + "\\n")
        if self.dead and len(Path("asked.txt").read_text().splitlines()) > self.dead:
            return Reply("", error="connection refused")
        return Reply(text, logprob=-float(sum(map(ord, text)) % 97), tokens=len(text))
'''
WORDS = [f"word{number}" for number in range(100, 160)]


def recipe(**model: object) -> dict[str, object]:
    step = {
        "id": "scores",
        "use": "evaluate",
        "models": {"slow": {"use": "./slow.py", **model}},
        "tasks": [{"use": "spelling", "words": WORDS}],
        "batch": 20,
    }
    return {"name": "slow", "step": [step]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "slow.py").write_text(SLOW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(folder: Path) -> list[str]:
    return (folder / "asked.txt").read_text().splitlines()


def test_killed_and_run_again_it_asks_only_the_rest_and_gives_the_same_bytes(folder: Path) -> None:
    code = f"from lmloop import run; run({recipe()!r}, home='runs')"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while not (folder / "asked.txt").exists() or len(asked(folder)) < 75:
        time.sleep(0.05)
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = len(asked(folder))
    made = run(recipe(), home="runs")["scores"]
    again = len(asked(folder)) - before
    assert 0 < again < 2 * len(WORDS) - 20
    calm = run(recipe(), home="calm")["scores"]
    for name in ("scores.json", FILE):
        assert (made.path / name).read_bytes() == (calm.path / name).read_bytes(), name


def test_one_that_dies_is_told_and_what_was_answered_is_kept(folder: Path) -> None:
    with pytest.raises(LmloopError, match=r"slow gave no reply to .*connection refused") as wrong:
        run(recipe(dead=30), home="runs")
    assert "what was answered is kept" in wrong.value.hint
    before = len(asked(folder))
    (folder / "asked.txt").write_text("")
    made = run(recipe(dead=1000), home="runs")["scores"]
    assert before < 2 * len(WORDS)
    assert made.metrics["items"] == len(WORDS)


def test_every_item_is_kept_with_prompt_replies_and_verdict(folder: Path) -> None:
    step = {"id": "scores", "use": "evaluate", "models": ["toy"], "tasks": ["spelling"]}
    made = run({"name": "toy", "step": [step]}, home="runs")["scores"]
    log, scores = Items(made.path / FILE), Scores.read(made.path)
    (score,) = (each for each in scores.scores if not each.group)
    assert log.count == score.n == 9
    assert sum(log.column("value").to_pylist()) / 9 == pytest.approx(score.mean)
    first = log.rows([0])[0]
    assert first["answer"] in first["choices"]
    assert [reply["asked"] for reply in first["replies"]] == first["choices"]
    assert scores.tasks[0].data["questions"] == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": []}, "there is no model to ask"),
        ({"models": ["nothing"]}, "there is no model called 'nothing'"),
        ({"tasks": ["speling"]}, "there is no task called 'speling'"),
        ({"tasks": ["./said.py"], "models": {"slow": "./slow.py"}}, "needs a model that generates"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(folder: Path, change: dict[str, object], message: str) -> None:
    step = {"id": "scores", "use": "evaluate", "models": ["toy"], "tasks": ["spelling"], **change}
    template = Path(lmloop.__path__[0]) / "faces" / "templates" / "task.txt"
    (folder / "said.py").write_text(template.read_text().replace("PartName", "Said"))
    with pytest.raises(LmloopError, match=message):
        run({"name": "wrong", "step": [step]}, home="runs")
    assert not (folder / "asked.txt").exists()
