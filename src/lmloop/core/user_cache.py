"""Where this user's machine keeps what can be made again."""

import os
import sys
from pathlib import Path


def user_cache() -> Path:
    """Give the folder for caches of this user, by the custom of the system."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  (Path.home() raises where there is no home)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home)) / "lmloop" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "lmloop"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "lmloop"
