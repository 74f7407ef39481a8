"""What the machine has for lmloop: Python, packages, room to write, cores, memory and compiled kernels."""

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lmloop.report.units import size

OLDEST_PYTHON = (3, 11)
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*['\"]([\w-]+)['\"])?")
ELSEWHERE = re.compile(rf"sys_platform\s*!=\s*['\"]{sys.platform}['\"]")
LOW_DISK = 2 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what it is, whether it is as it should be, and what to do if not.

    ``ok`` is None for what is optional and not there.
    """

    name: str
    ok: bool | None
    told: str
    fix: str = ""


def look(home: Path) -> Iterator[Finding]:
    """Look at everything, the cheap things first."""
    found = platform.python_version()
    fix = "lmloop needs Python 3.11 or newer"
    yield Finding("python", sys.version_info >= OLDEST_PYTHON, f"{found}, {sys.executable}", fix)
    yield Finding("lmloop", True, f"{metadata.version('lmloop')}, {Path(__file__).resolve().parents[1]}")
    yield from _packages()
    yield _room(home)
    yield Finding("cores", True, str(_cores()))
    yield Finding("memory", True, _memory())
    yield _disk(home)
    yield _kernels()


def _packages() -> Iterator[Finding]:
    wanted: dict[str, list[str]] = {}
    for text in metadata.requires("lmloop") or ():
        match = REQUIREMENT.match(text)
        if match and match[1] != "lmloop" and not ELSEWHERE.search(text):
            wanted.setdefault(match[2] or "", []).append(match[1])
    for extra, packages in wanted.items():
        missing = [package for package in packages if _version(package) is None]
        there = ", ".join(f"{package} {_version(package)}" for package in packages if package not in missing)
        install = f"pip install 'lmloop[{extra}]'" if extra else f"pip install {' '.join(missing)}"
        told = f"not installed: {', '.join(missing)}" if missing else there
        name = f"extra {extra}" if extra else "packages"
        yield Finding(name, (None if extra else False) if missing else True, told, install if missing else "")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _room(home: Path) -> Finding:
    place = _existing(home)
    try:
        with tempfile.TemporaryFile(dir=place):
            told = f"{home} can be written" if home.exists() else f"{home} can be made in {place.resolve()}"
            return Finding("home", True, told)
    except OSError as bad:
        return Finding("home", False, f"{place.resolve()}: {bad.strerror}", "name another with --home")


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(_existing(home)).free
    return Finding("disk", free >= LOW_DISK, f"{size(free)} free", "make room: a run writes what it keeps")


def _existing(path: Path) -> Path:
    return next((place for place in (path, *path.resolve().parents) if place.is_dir()), Path.cwd())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    """Say how much memory there is, and the limit of the container if there is one."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return "unknown"
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return f"{size(int(text))} (limit of the container)" if text.isdigit() and int(text) < total else size(total)


def _kernels() -> Finding:
    """Look whether kernels were compiled with the package; if not, whether those that numba compiles can be kept."""
    from lmloop.kernels.compiling.compiler import cache_folder
    from lmloop.kernels.compiling.library import state

    there, told = state()
    if there:
        return Finding("kernels", True, told)
    if _version("numba") is None:
        return Finding("kernels", False, told, "install lmloop again on this machine, or pip install 'lmloop[kernels]'")
    folder = cache_folder()
    kept = sum(1 for _ in folder.rglob("*.nbc")) if folder.is_dir() else 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            known = f"{kept} kept" if kept else "none yet: the first run takes some seconds more"
            return Finding("kernels", True, f"{told}; numba compiles them on use: {known}, in {folder}")
    except OSError as bad:
        fix = "set NUMBA_CACHE_DIR to a folder that can be written"
        return Finding("kernels", None, f"{told}; cannot be kept in {folder}: {bad.strerror}", fix)
