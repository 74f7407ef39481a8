"""Optional dependencies: asked for on use, with the line that installs them."""

from importlib import import_module
from types import ModuleType

from lmloop.core.errors import ExtraMissing


def need(module: str, extra: str) -> ModuleType:
    """Import an optional module.

    Raises:
        ExtraMissing: it is not installed; the hint holds the line that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise ExtraMissing(
            f"this needs the package {module.partition('.')[0]!r}, which is not installed",
            hint=f"pip install 'lmloop[{extra}]'",
        ) from None
