"""The entry of a part in the reference: what it does, its settings, and why it drops rows."""

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic_core import PydanticUndefined

from lmloop.core.op import Barrier, Filter, Map
from lmloop.core.part import Part
from lmloop.core.step import Step
from lmloop.core.task import Task
from lmloop.faces.settings import write as write_value
from lmloop.testing.parts import meaning

PARTS = ("op", "reader", "model", "task", "method", "step")
MOST_SHARED = 2
"""A sentence about more settings than this is not repeated for each of them."""


def part_entry(part: type[Part], name: str, level: int) -> str:
    """Write the entry of one part: what it does, its settings, and why it drops rows."""
    lines = [f"{'#' * level} {name}", "", *plain(inspect.getdoc(part) or ""), ""]
    facts = _facts(part)
    if facts:
        lines += [facts, ""]
    if part.model_fields:
        lines += ["| setting | type | default | meaning |", "|---|---|---|---|", *_settings(part), ""]
    return "\n".join(lines)


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
    meanings = [meaning(part, name) for name in part.model_fields]
    for name, field in part.model_fields.items():
        text = meaning(part, name)
        if meanings.count(text) > MOST_SHARED:
            text = "see above"
        default = "required" if field.default is PydanticUndefined and field.is_required() else ""
        if not default:
            default = f"`{_value(field.get_default(call_default_factory=True))}`"
        cells = [f"`{name}`", _type(field.annotation, field.metadata), default, text]
        yield "| " + " | ".join(" ".join(plain(cell)).replace("|", "\\|") for cell in cells) + " |"


def _value(value: Any) -> str:
    """Write a default as a recipe would."""
    try:
        return "none" if value is None else json.dumps(value, ensure_ascii=False)
    except TypeError:
        return write_value(value.spec() if isinstance(value, Part) else value)


def _type(annotation: Any, metadata: Any = ()) -> str:
    """Write a type as a person says it: ``list of ops``, ``"a" or "b"``, ``int > 0``."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _type(inner[0], annotation.__metadata__)
    if origin is Literal:
        return " or ".join(f'`"{item}"`' for item in inner)
    if origin in (list, tuple, dict):
        item = _type(inner[1 if origin is dict else 0])
        return f"{'table' if origin is dict else 'list'} of {item}{'s' if item in PARTS else ''}"
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


def plain(doc: str) -> list[str]:
    """Turn the marks of docstrings into Markdown."""
    doc = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", doc)
    return doc.replace("``", "`").splitlines()
