"""Settings of a run as a person wants them: only those that are not what everybody gets."""

from collections.abc import Mapping
from typing import Any

from lmloop.core.errors import LmloopError
from lmloop.core.part import Part, build


def unusual(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings of a step's card that differ from the defaults; of a step we cannot build, all."""
    try:
        return _unusual(build("stages", _without_versions(settings)))
    except LmloopError:
        plain: dict[str, Any] = _without_versions(settings)
        plain.pop("use", None)
        return plain


def written(settings: Mapping[str, Any]) -> str:
    """Write settings in one line: ``min_words = 50, ops = [unicode, length (min_characters = 3)]``."""
    return ", ".join(f"{name} = {write(value)}" for name, value in settings.items())


def write(value: Any) -> str:
    """Write the value of a setting; a part by its name and what it is set to."""
    if isinstance(value, Mapping) and "use" in value:
        told = written({name: item for name, item in value.items() if name not in ("use", "version")})
        return f"{value['use']} ({told})" if told else str(value["use"])
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(write, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)


def _unusual(part: Part) -> dict[str, Any]:
    found = {}
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if field.is_required() or value != field.get_default(call_default_factory=True):
            found[name] = _told(value)
    return found


def _told(value: Any) -> Any:
    if isinstance(value, Part):
        return {"use": value.name(), **_unusual(value)}
    if isinstance(value, list | tuple):
        return [_told(item) for item in value]
    return value


def _without_versions(value: Any) -> Any:
    if isinstance(value, Mapping):
        part = "use" in value
        return {name: _without_versions(item) for name, item in value.items() if not (part and name == "version")}
    return [_without_versions(item) for item in value] if isinstance(value, list) else value
