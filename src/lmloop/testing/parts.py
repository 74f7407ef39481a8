"""What holds for a part of any kind: it is its settings, and they are explained."""

import inspect
import json
import pickle
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from lmloop.core.errors import LmloopError
from lmloop.core.part import Part, build

MOST_SETTINGS = 15


def check_part(part: Part, kind: str) -> None:
    """Check that a part is documented, is made again from its own settings, and can go to another process.

    ``kind`` is the folder it belongs to: ``ops``, ``readers``, ``models``, ``tasks``, ``methods`` or ``stages``.
    """
    name = part.name()
    check_documented(type(part))
    assert "/" not in name, f"{name}: the name depends on the machine"
    spec = part.spec()
    assert _json(spec) is not None, f"{name}: spec() is not JSON: {spec!r}"
    assert _json(part.identity()) is not None, f"{name}: identity() is not JSON: {part.identity()!r}"
    again = build(kind, json.loads(json.dumps(spec)))
    assert again == part, f"{name}: build({kind!r}, part.spec()) gives another part: {again!r}, not {part!r}"
    assert pickle.loads(pickle.dumps(part)) == part, f"{name}: pickling it and back gives another part"
    for field in part.fields()[:1]:
        assert _is_frozen(part, field), f"{name}: settings can be changed after it is made"


def check_documented(part: type[Part]) -> None:
    """Check that a part says what it does, in the file and in the class, and names each of its settings."""
    name = part.name()
    doc = inspect.getdoc(part) or ""
    inherited = {inspect.getdoc(base) for base in part.__mro__[1:]}
    assert doc, f"{name}: the class has no docstring"
    assert doc not in inherited, f"{name}: the class has no docstring of its own"
    module = inspect.getmodule(part)
    assert module is not None, f"{name}: it belongs to no module"
    assert module.__doc__, f"{name}: the file has no docstring; its first line is what `lmloop list` shows"
    assert isinstance(part.version, int), f"{name}: version is a whole number"
    fields = part.model_fields
    assert len(fields) <= MOST_SETTINGS, f"{name}: {len(fields)} settings are too many (at most {MOST_SETTINGS})"
    silent = [field for field in fields if not meaning(part, field)]
    assert not silent, f"{name}: the docstring must say what these settings mean, in ``quotes``: {', '.join(silent)}"


def meaning(part: type[Part], field: str) -> str:
    """Say what a setting means: its description, or the sentence of the docstring that has it in ``quotes``.

    Of settings that differ in a number only (``top_2_gram`` to ``top_4_gram``) one or two need to be there.
    """
    info = part.model_fields[field]
    if info.description:
        return info.description
    family = re.sub(r"\d+", "0", field)
    for block in re.split(r"\n\s*\n|\n\s*\*\s", inspect.getdoc(part) or ""):
        text = " ".join(block.split())
        for sentence in re.split(r"(?<=[.:!?])\s+(?=[A-Z`])|(?<=;)\s+", text):
            if family in (re.sub(r"\d+", "0", word) for word in re.findall(r"``(\w+)(?: = [^`]*)?``", sentence)):
                return sentence.strip().rstrip(";")
    return _kind_of_part(info.annotation)


def _kind_of_part(annotation: Any) -> str:
    """Say that a setting holds parts, which is all there is to say of most of them."""
    if inspect.isclass(annotation) and issubclass(annotation, Part):
        article = "an" if annotation.__name__[0] in "AEIOU" else "a"
        return f"{article} {annotation.__name__.lower()}"
    inner = [_kind_of_part(argument) for argument in get_args(annotation)]
    found = next((text for text in inner if text), "")
    is_list = found and getattr(annotation, "__origin__", None) in (list, tuple)
    return f"{found.partition(' ')[2]}s, in order" if is_list else found


@contextmanager
def blaming(part: Part) -> Iterator[None]:
    """Tell whatever a part raises as what is wrong with it, with the line it happened in."""
    try:
        yield
    except (AssertionError, LmloopError):
        raise
    except Exception as bad:
        frame = traceback.extract_tb(bad.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        raise AssertionError(f"{part.name()}: {type(bad).__name__}: {bad} (at {place})") from bad


def _json(value: Any) -> str | None:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return None


def _is_frozen(part: Part, field: str) -> bool:
    try:
        setattr(part, field, getattr(part, field))
    except ValidationError:
        return True
    return False
