"""The reference pages, written from the code: what each part, verb and error is.

``python -m lmloop.faces.reference --write`` brings the pages up to date; without ``--write`` it says which are
not and fails. Only what stands between the markers is written; the rest of a page is for people.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from lmloop.core import errors
from lmloop.core.errors import LmloopError
from lmloop.core.listing import KINDS, names
from lmloop.core.part import find
from lmloop.faces.cli import app
from lmloop.faces.entries import part_entry, plain

BEGIN, END = "<!-- written from the code: {} -->", "<!-- end -->"
FOLDER = Path("docs/reference")
WIDTH = 100


def pages() -> dict[str, str]:
    """Give what is written between the markers of each page, by the page's name."""
    found = {}
    for kind in KINDS:
        entries = [part_entry(find(kind, name), name, level=2) for name in names(kind)]
        if entries:
            found[kind] = "\n".join(entries)
    return {**found, "cli": "\n".join(_verbs()), "errors": "\n".join(_errors())}


def write(folder: Path) -> list[Path]:
    """Bring the pages of a folder up to date; give those that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = stale(folder)
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    return [*changed]


def stale(folder: Path) -> dict[Path, str]:
    """Give the pages of a folder that are not up to date, with the text they should have."""
    found = {}
    for name, body in pages().items():
        path = folder / f"{name}.md"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        wanted = _placed(name, text, body)
        if wanted != text:
            found[path] = wanted
    return found


def _placed(name: str, text: str, body: str) -> str:
    """Put the written part of a page between its markers; a new page gets a title."""
    begin = BEGIN.format(name)
    block = f"{begin}\n\n{body.strip()}\n\n{END}"
    if begin in text:
        before, _, rest = text.partition(begin)
        return before + block + rest.partition(END)[2]
    return f"{text.rstrip() or f'# {name.capitalize()}'}\n\n{block}\n"


def _verbs() -> Iterator[str]:
    with click.Context(app, info_name="lmloop") as context:
        for name in app.list_commands(context):
            verb = app.get_command(context, name)
            assert verb is not None
            inner = click.Context(
                verb,
                context,
                info_name=name,
                terminal_width=WIDTH,
                max_content_width=WIDTH,
                help_option_names=["-h", "--help"],
            )
            # colours depend on where this runs
            yield f"## lmloop {name}\n\n```text\n{click.unstyle(verb.get_help(inner))}\n```\n"


def _errors() -> Iterator[str]:
    yield "| error | means | exit code |\n|---|---|---|"
    for name, error in vars(errors).items():
        if inspect.isclass(error) and issubclass(error, LmloopError):
            yield f"| `{name}` | {' '.join(plain(inspect.getdoc(error) or ''))} | {error.exit_code} |"


def main(arguments: list[str]) -> int:
    """Write the pages, or say which are not up to date."""
    if "--write" in arguments:
        for path in write(FOLDER):
            click.echo(f"wrote {path}")
        return 0
    old = stale(FOLDER)
    for path in old:
        click.echo(f"{path} is not up to date: python -m lmloop.faces.reference --write", err=True)
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
