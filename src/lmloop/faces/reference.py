"""The reference pages, written from the code: what each part, verb and error is.

``python -m lmloop.faces.reference --write`` brings the pages up to date; without ``--write`` it says which are
not and fails. Only what stands between the markers is written; the rest of a page is for people.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic_core import PydanticUndefined

from lmloop.core import errors
from lmloop.core.errors import LmloopError
from lmloop.core.listing import KINDS, names
from lmloop.core.op import Barrier, Filter, Map
from lmloop.core.part import Part, find
from lmloop.core.step import Step
from lmloop.core.task import Task
from lmloop.faces.cli import app
from lmloop.faces.settings import write as write_value
from lmloop.testing.parts import meaning

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


def part_entry(part: type[Part], name: str, level: int) -> str:
    """Write the entry of one part: what it does, its settings, and why it drops rows."""
    lines = [f"{'#' * level} {name}", "", *_plain(inspect.getdoc(part) or ""), ""]
    facts = _facts(part)
    if facts:
        lines += [facts, ""]
    if part.model_fields:
        lines += ["| setting | type | default | meaning |", "|---|---|---|---|", *_settings(part), ""]
    return "\n".join(lines)


def _placed(name: str, text: str, body: str) -> str:
    """Put the written part of a page between its markers; a new page gets a title."""
    begin = BEGIN.format(name)
    block = f"{begin}\n\n{body.strip()}\n\n{END}"
    if begin in text:
        before, _, rest = text.partition(begin)
        return before + block + rest.partition(END)[2]
    return f"{text or f'# {name.capitalize()}'}\n\n{block}\n"


def _facts(part: type[Part]) -> str:
    kinds = {Map: "changes rows, drops none", Filter: "drops rows", Barrier: "drops rows, once it has seen all"}
    told = [text for base, text in kinds.items() if issubclass(part, base)]
    if issubclass(part, Filter | Barrier):
        told.append("reasons: " + ", ".join(f"`{reason}`" for reason in part.reasons))
    if issubclass(part, Step):
        told += [f"reads {' or '.join(part.takes) or 'files'}", f"makes {part.makes}"]
    if issubclass(part, Task) and part.needs:
        told.append(f"needs a model that {' and '.join(power.__name__.lower() for power in part.needs)}")
    if told and part.version != 1:
        told.append(f"version {part.version}")
    return f"*{'; '.join(told).capitalize()}.*" if told else ""


def _settings(part: type[Part]) -> Iterator[str]:
    said: set[str] = set()
    for name, field in part.model_fields.items():
        text = meaning(part, name)
        default = "required" if field.default is PydanticUndefined and field.is_required() else ""
        if not default:
            default = f"`{_value(field.get_default(call_default_factory=True))}`"
        cells = [f"`{name}`", _type(field.annotation, field.metadata), default, "see above" if text in said else text]
        said.add(text)
        yield "| " + " | ".join(" ".join(_plain(cell)).replace("|", "\\|") for cell in cells) + " |"


def _value(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else write_value(value)


def _type(annotation: Any, metadata: Any = ()) -> str:
    """Write a type as a person says it: ``list of ops``, ``"a" or "b"``, ``int > 0``."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _type(inner[0], annotation.__metadata__)
    if origin is Literal:
        return " or ".join(f'`"{item}"`' for item in inner)
    if origin in (list, tuple, dict):
        return f"{'table' if origin is dict else 'list'} of {_type(inner[1 if origin is dict else 0])}"
    if inner:
        return " or ".join(_type(item) for item in inner)
    return " ".join([_type_name(annotation), *_limits(metadata)])


def _type_name(annotation: Any) -> str:
    if inspect.isclass(annotation) and issubclass(annotation, Part):
        return annotation.__name__.lower()
    name = str(getattr(annotation, "__name__", annotation))
    return {"str": "text", "NoneType": "none"}.get(name, name)


def _limits(metadata: Any) -> list[str]:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    return [f"{sign} {getattr(item, word)}" for item in metadata for word, sign in signs.items() if hasattr(item, word)]


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
            yield f"| `{name}` | {' '.join(_plain(inspect.getdoc(error) or ''))} | {error.exit_code} |"


def _plain(doc: str) -> list[str]:
    """Turn the marks of docstrings into Markdown."""
    doc = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", doc)
    return doc.replace("``", "`").splitlines()


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
