"""The files of the Python installation that lmloop runs on: text that every user already has."""

import sys
import sysconfig
from collections.abc import Collection, Iterator
from pathlib import Path

PACKAGES = ("site-packages", "dist-packages")
TESTS = frozenset({"test", "tests", "idle_test"})
"""Folders of tests: what no user of a library reads."""


def python_files(pattern: str, packages: Collection[str] | None) -> Iterator[tuple[str, Path]]:
    """Give what matches a pattern of names, in no order: ``stdlib/json/__init__.py`` and where it lies.

    It looks in the standard library, and in the installed packages that are named; in all of them without names.
    """
    for label, root in _roots():
        for path in root.rglob(pattern):
            inside = path.relative_to(root)
            first = inside.parts[0]
            if label == "stdlib":
                wanted = first not in PACKAGES  # these have labels of their own
            else:
                wanted = packages is None or first.partition("-")[0] in packages
            if wanted:
                yield f"{label}/{inside.as_posix()}", path


def _roots() -> list[tuple[str, Path]]:
    """Name the folders to look in: the standard library, the packages here, those of the base installation."""
    stdlib, packages = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
    roots = {"stdlib": stdlib, "packages": packages}
    if sys.prefix != sys.base_prefix:
        roots["base-packages"] = stdlib / "site-packages"
    return [(label, path) for label, path in roots.items() if path.is_dir()]
