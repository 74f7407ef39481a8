"""Dataclasses as plain JSON data and back, every field checked."""

import dataclasses
import math
import re
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class UnreadableError(Exception):
    """What is wrong with a block, and where."""


def encode(value: Any) -> Any:
    """Plain JSON data for a block; lone surrogates, which no file can hold, become U+FFFD."""
    if dataclasses.is_dataclass(value):
        return {part.name: encode(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {encode(name): encode(item) for name, item in value.items()}
    if isinstance(value, str):
        return LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def decode(hint: Any, value: Any, place: str) -> Any:
    """`value` as the annotated type, or an error that names the place."""
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _dataclass(hint, value, place)
    if get_origin(hint) is tuple and isinstance(value, list):
        inner = get_args(hint)[0]
        return tuple(decode(inner, item, f"{place}[{index}]") for index, item in enumerate(value))
    if get_origin(hint) is dict and isinstance(value, dict):
        inner = get_args(hint)[1]
        return {name: decode(inner, item, f"{place}.{name}") for name, item in value.items()}
    if not get_args(hint) or get_origin(hint) in (Union, types.UnionType):
        accepted = get_args(hint) or (hint,)
        if type(value) in accepted or (type(value) is int and float in accepted):
            return value
    raise UnreadableError(f"{place}: expected {getattr(hint, '__name__', hint)}, found {type(value).__name__}")


def _dataclass(hint: Any, value: dict[str, Any], place: str) -> Any:
    hints = get_type_hints(hint)
    for name in value:
        if name not in hints:
            raise UnreadableError(f"{place}: unknown field {name!r}")
    for part in dataclasses.fields(hint):
        optional = part.default is not dataclasses.MISSING or part.default_factory is not dataclasses.MISSING
        if part.name not in value and not optional:
            raise UnreadableError(f"{place}: field {part.name!r} is missing")
    return hint(**{name: decode(hints[name], item, f"{place}.{name}") for name, item in value.items()})
