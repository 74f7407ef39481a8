"""A small project that is run in processes of its own, so that they can be killed."""

import os
import random
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

RECIPE = """
name = "trust"
seed = 5

[[step]]
id = "raw"
use = "ingest"
reader = { use = "text", files = ["texts"] }
shard_mb = 0.01

[[step]]
id = "clean"
use = "curate"
from = ["raw"]
ops = ["unicode", { use = "length", min_characters = 60 }, "exact", "./slow.py", { use = "minhash", n = 3 }]
dropped = "all"

[[step]]
id = "page"
use = "report"
from = ["clean"]
"""

SLOW = '''
"""Take a moment for each batch, so that there is something to interrupt."""

import time

from lmloop import Map
from lmloop.core.batch import Batch


class Slow(Map):
    """Wait a little."""

    def change(self, batch: Batch) -> Batch:
        """Change nothing."""
        time.sleep(0.01)
        return batch
'''

WORDS = "sea town road ship harbour morning people old new great house letter winter bread 海 城 路 船"


def make_project(folder: Path, texts: int = 120) -> None:
    """Write a recipe, an op beside it, and texts with copies and near copies among them."""
    chance = random.Random(4)
    (folder / "texts").mkdir(parents=True)
    bodies: list[str] = []
    for number in range(texts):
        body = " ".join(chance.choices(WORDS.split(), k=chance.choice([5, 60, 120])))
        if bodies and number % 5 == 0:
            body = chance.choice(bodies) + ("" if number % 10 else " and one more")
        bodies.append(body)
        (folder / "texts" / f"{number:03d}.txt").write_text(body, encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "slow.py").write_text(SLOW, encoding="utf-8")


def start(folder: Path, home: str, *options: str) -> "subprocess.Popen[str]":
    """Run the recipe in a process group of its own."""
    command = [sys.executable, "-m", "lmloop", "run", "recipe.toml", "--home", home, *options]
    pipe = subprocess.PIPE
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # the tests may run in the background
    as_group = {"stdout": pipe, "stderr": pipe, "text": True, "start_new_session": True}
    return subprocess.Popen(command, cwd=folder, preexec_fn=heeding, **as_group)  # noqa: PLW1509


def run(folder: Path, home: str, *options: str) -> tuple[int, str]:
    """Run the recipe to its end; give the exit code and what it said on stderr."""
    process = start(folder, home, *options)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def kill_all(process: "subprocess.Popen[str]") -> None:
    """Kill a process and all its workers at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def contents(home: Path) -> dict[str, bytes]:
    """Give every file of every finished run that holds results, by its name."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.glob("*/**/*"))
        if path.is_file() and ("data" in path.parts or "dropped" in path.parts or path.name == "blocks.json")
    }
