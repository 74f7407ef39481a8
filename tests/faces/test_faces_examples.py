"""Every example in the help of a verb runs, on a little input."""

import asyncio
import json
import shlex
import shutil
from collections.abc import Callable
from contextlib import suppress
from http.server import ThreadingHTTPServer
from pathlib import Path

import click
import pytest
from verb_project import RECIPE, Call

from lmloop.core.model import Model
from lmloop.faces import recipes
from lmloop.faces.cli import app
from lmloop.faces.verb import SECTIONS, Verb
from lmloop.loadtest import verdict
from lmloop.loadtest.local import local_server
from lmloop.loadtest.server import Delays
from lmloop.models.gguf.tiny import tiny_file
from lmloop.models.lmloop import Lmloop
from lmloop.serving import server

VERBS = {name: app.get_command(click.Context(app), name) for name in app.list_commands(click.Context(app))}
Ready = Callable[[str], None]
EXAMPLES = [example for verb in VERBS.values() if isinstance(verb, Verb) for example in verb.examples]


def test_every_verb_is_a_verb() -> None:
    assert len(VERBS) >= 9
    for name, verb in VERBS.items():
        assert isinstance(verb, Verb), name
        assert verb.name == name
        assert verb.section in SECTIONS
        assert all(example.startswith(f"lmloop {name}") for example in verb.examples)


FAST = [
    "--workers",
    "1",
    "--output",
    "2",
    "--set",
    "server.ttft=10ms",
    "--set",
    "server.itl=2ms",
    "--set",
    "load.grace=20",
]
ONE = ["--set", "sweep.start=8", "--set", "sweep.most=8"]


def loaded(words: list[str], url: str) -> list[str]:
    """Make an example of a load test short, and point it at a server that is there."""
    short = [url if word.startswith("http:") else word for word in words]
    short += FAST if "--trace" in words else [*FAST, "--duration", "0.6s", "--rate", "20"]
    if "--warm-up" in words:
        short += ["--warm-up", "0.1s"]
    return short + (ONE if {"--sweep", "--calibrate"} & {*words} else [])


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example.startswith("lmloop bench")])
def test_load_test_runs(fresh: Path, call: Call, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    # on a busy machine the client is late, and says so: here only that it runs is looked at
    monkeypatch.setattr(verdict, "MOST_LATE", 60.0)
    with local_server(Delays(0.01, 0.002)) as url:
        result = call(*loaded(shlex.split(example, comments=True)[1:], url))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("example", [example for example in EXAMPLES if not example.startswith("lmloop bench")])
def test_example_runs(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    # the shipped recipe by its name, but with our little input
    (project / "shipped").mkdir()
    (project / "shipped" / "quickstart.toml").write_text(RECIPE)
    monkeypatch.setattr(recipes, "PLACES", (project / "shipped",))
    call("run", "mine.toml", "--set", "clean.dropped=all", "--workers", "1")
    old, new = sorted((path.name for path in project.glob("runs/clean-*")), key=lambda name: name)
    if example.startswith("lmloop board"):
        # what is served is tested elsewhere: here the server is opened, and closed at once
        monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", lambda _: None)
        made = call("eval", "toy", "--tasks", "spelling", "--quiet").stdout.strip()
        example = example.replace("scores-0123abcd", Path(made).name)
        example = example if "--" in example else example.replace("board ", "board --port 0 ")
    if example.startswith(("lmloop sample", "lmloop eval", "lmloop tokenizer health")):
        for place in ("base", "models/mine"):
            shutil.copytree(Lmloop.example().folder, project / place)
    if example.startswith("lmloop finetune"):
        _tuning(project)
    if example.startswith("lmloop serve"):
        _serving(project, call, monkeypatch, example)
        example = example.replace("--port 9000", "").replace("serve ", "serve --port 0 ")
    line = example.replace("clean-0123abcd", old).replace("clean-89abcdef", new)
    if "my_ops/no_shouting.py" in line:
        call("new", "op", "no-shouting", "--dir", "my_ops")
    words = shlex.split(line, comments=True)
    words = [name for word in words for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    result = call(*words[1:])
    assert result.exit_code == 0, result.output


def _serving(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    """Put models there, and close each server as soon as it listens: what is served is tested elsewhere."""
    whole = server.serve

    async def briefly(model: Model, name: str, place: tuple[str, int], ready: Ready, key: str = "") -> None:
        def heard(address: str) -> None:
            ready(address)
            task.cancel()  # what ctrl-c does to it

        task = asyncio.current_task()
        assert task is not None
        with suppress(asyncio.CancelledError):
            await whole(model, name, place, heard, key)

    monkeypatch.setattr(server, "serve", briefly)
    if "run:base" in example:
        step = '\n[[step]]\nid = "base"\nuse = "toy"\nfrom = ["clean"]\n'
        (project / "toy.toml").write_text(RECIPE + step)
        call("run", "toy.toml", "--workers", "1")
    if "gguf:" in example:
        pytest.importorskip("gguf")
        shutil.copyfile(tiny_file(), project / "SmolLM2.gguf")


def _tuning(project: Path) -> None:
    """Put a tiny model, conversations, votes and a task there."""
    shutil.copytree(Lmloop.example().folder, project / "models" / "small")
    talk = {"messages": [{"role": "user", "content": "说"}, {"role": "assistant", "content": "好"}]}
    for name in ("chats", "对话"):
        (project / f"{name}.jsonl").write_text("\n".join([json.dumps(talk)] * 8), encoding="utf-8")
    vote = {"prompt": [{"role": "user", "text": "a?"}], "choices": ["b", "c"], "answer": 0}
    (project / "votes.jsonl").write_text("\n".join([json.dumps(vote)] * 8), encoding="utf-8")
    (project / "my_task.py").write_text(TASK)


TASK = """
\"\"\"Short replies.\"\"\"

from lmloop.core.model import Generates, Sampling, Writing
from lmloop.core.record import Record, Turn
from lmloop.core.task import Grade, Task


class MyTask(Task):
    \"\"\"Reward short replies.\"\"\"

    needs = (Generates,)

    def questions(self):
        yield Record(prompt=(Turn("user", "a?"),))

    def ask(self, record, said=()):
        return [] if said else [Writing(record.prompt, Sampling())]

    def grade(self, record, said):
        return Grade(record.id, {"score": 1 / (1 + len(said[0].text))})
"""
