"""The docs are held to the code: links lead somewhere, commands and recipes are right, figures name their script."""

import re
import shlex
from pathlib import Path

import click
import pytest

from lmloop.core.listing import KINDS, names
from lmloop.core.recipe import Recipe
from lmloop.faces.cli import app
from lmloop.faces.verb import Verb

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
RECIPES = sorted((ROOT / "recipes").rglob("*.toml"))
COMMAND = re.compile(r"^(?:\$ )?(lmloop .*)$", re.MULTILINE)


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_have_the_verbs_and_options_they_use(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for line in (line for block in fenced(text, "bash") for line in COMMAND.findall(block.replace("\\\n", " "))):
        words = shlex.split(line.partition(" | ")[0].partition(" > ")[0], comments=True)
        command: click.Command | None = app.get_command(click.Context(app), words[1]) if words[1][0] != "-" else app
        assert command is not None, f"there is no verb in {line!r}"
        known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h", "--version"}
        for inner in getattr(command, "commands", {}).values():
            known |= {option for parameter in inner.params for option in parameter.opts}
        used = {word.partition("=")[0] for word in words[2:] if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)}
        assert used <= known, f"{line!r}: {', '.join(sorted(used - known))}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_recipes_in_pages_are_right(page: Path, tmp_path: Path) -> None:
    for text in fenced(page.read_text(encoding="utf-8"), "toml"):
        if re.search("^name =", text, re.MULTILINE) and "./" not in text:
            path = tmp_path / "recipe.toml"
            path.write_text(text, encoding="utf-8")
            Recipe.read(path)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_right_and_say_what_they_are(path: Path) -> None:
    recipe = Recipe.read(path)
    assert recipe.name == path.stem
    assert path.read_text(encoding="utf-8").startswith("# "), "a recipe begins by saying what it is for"
    assert recipe.steps


@pytest.mark.parametrize("path", [*RECIPES, *(ROOT / "docs").glob("figures.md")], ids=lambda path: path.name)
def test_scripts_that_are_named_are_there(path: Path) -> None:
    for name in re.findall(r"`(benchmarks/[\w./-]+\.py)", path.read_text(encoding="utf-8")):
        assert (ROOT / name).is_file(), name


def test_every_folder_of_the_map_is_there() -> None:
    for name in re.findall(r"^\| `([\w/]+/)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE):
        assert (ROOT / name).is_dir(), name


def test_every_kind_of_part_has_its_page() -> None:
    for kind in KINDS:
        assert not names(kind) or (ROOT / "docs" / "reference" / f"{kind}.md").exists()


def test_every_verb_has_examples_and_a_short_help() -> None:
    for name in app.list_commands(click.Context(app)):
        verb = app.get_command(click.Context(app), name)
        assert isinstance(verb, Verb)
        assert verb.examples, name
