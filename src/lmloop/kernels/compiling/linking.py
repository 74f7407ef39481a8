"""Making a shared library of an object file, by what links on this machine: a C compiler, or Zig's from its package."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ZIG = "ziglang"
"""The package that has a linker where the machine has none."""
_TRIAL = "double log(double); double trial(double x) { return log(x); }"


def system_linker() -> list[str] | None:
    """Give the command of the first C compiler that can make a shared library."""
    for name in ("cc", "gcc", "clang"):
        command = shutil.which(name)
        if command and _works([command]):
            return [command]
    return None


def link(parts: list[Path], whole: Path) -> None:
    """Make the shared library ``whole`` of object files that need nothing but the C library.

    Raises:
        RuntimeError: there is no linker, or something else is needed; the message is the linker's.
    """
    command = system_linker() or ([sys.executable, "-m", ZIG, "cc"] if find_spec(ZIG) else None)
    if command is None:
        raise RuntimeError("there is no linker: install a C compiler, or the package 'ziglang'")
    with tempfile.TemporaryDirectory() as kept:
        folders = {"ZIG_GLOBAL_CACHE_DIR": kept, "ZIG_LOCAL_CACHE_DIR": kept}
        arguments = ["-shared", "-s", "-o", str(whole), *map(str, parts), "-Wl,--no-undefined", "-lm"]
        done = subprocess.run(
            [*command, *arguments], env={**os.environ, **folders}, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} cannot link the kernels: {done.stderr[-2000:]}")


def _works(command: list[str]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "trial.c")
        source.write_text(_TRIAL)
        arguments = ["-shared", "-fPIC", "-o", str(source.with_suffix(".so")), str(source), "-lm"]
        return subprocess.run([*command, *arguments], capture_output=True, check=False).returncode == 0
