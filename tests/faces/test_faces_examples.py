"""Every example in the help of a verb runs, on a little input."""

import shlex
import shutil
from http.server import ThreadingHTTPServer
from pathlib import Path

import click
import pytest
from verb_project import RECIPE, Call

from lmloop.faces import recipes
from lmloop.faces.cli import app
from lmloop.faces.verb import SECTIONS, Verb
from lmloop.models.lmloop import Lmloop

VERBS = {name: app.get_command(click.Context(app), name) for name in app.list_commands(click.Context(app))}
EXAMPLES = [example for verb in VERBS.values() if isinstance(verb, Verb) for example in verb.examples]


def test_every_verb_is_a_verb() -> None:
    assert len(VERBS) >= 9
    for name, verb in VERBS.items():
        assert isinstance(verb, Verb), name
        assert verb.name == name
        assert verb.section in SECTIONS
        assert all(example.startswith(f"lmloop {name}") for example in verb.examples)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_runs(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    # the shipped recipe by its name, but with our little input
    (project / "shipped").mkdir()
    (project / "shipped" / "quickstart.toml").write_text(RECIPE)
    monkeypatch.setattr(recipes, "PLACES", (project / "shipped",))
    call("run", "mine.toml", "--set", "clean.dropped=all", "--workers", "1")
    old, new = sorted((path.name for path in project.glob("runs/clean-*")), key=lambda name: name)
    if example.startswith("lmloop board"):
        # what is served is tested elsewhere: here the server is opened, and closed at once
        monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", lambda server: None)
        made = call("eval", "toy", "--tasks", "spelling", "--quiet").stdout.strip()
        example = example.replace("scores-0123abcd", Path(made).name)
        example = example if "--" in example else example.replace("board ", "board --port 0 ")
    if example.startswith(("lmloop sample", "lmloop eval")):
        for place in ("base", "models/mine"):
            shutil.copytree(Lmloop.example().folder, project / place)
    line = example.replace("clean-0123abcd", old).replace("clean-89abcdef", new)
    if "my_ops/no_shouting.py" in line:
        call("new", "op", "no-shouting", "--dir", "my_ops")
    words = shlex.split(line, comments=True)
    words = [name for word in words for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    result = call(*words[1:])
    assert result.exit_code == 0, result.output
