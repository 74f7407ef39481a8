"""Compile the kernels when the package is built, so that whoever installs it needs no compiler and no numba.

Runs for wheels and for editable installs, on Linux; elsewhere numba compiles kernels on use. ``LMLOOP_KERNELS=jit``
builds without, ``LMLOOP_KERNELS_TARGET`` says for which processors.
"""

import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = Path("src", "lmloop", "kernels")
NEEDS = ["numba>=0.60", "numpy>=2.0", "pyarrow>=17"]

BUILD = """
import sys
sys.path.insert(0, sys.argv[1])
from lmloop.kernels.compiling.building import main
main(sys.argv[2])
"""
"""The sources come in by hand: pip's build environment drops from ``PYTHONPATH`` what an editable install put there."""


class KernelsHook(BuildHookInterface[Any]):
    """Puts the library of kernels into the wheel, or beside the sources of an editable install."""

    def dependencies(self) -> list[str]:
        """Say what compiles and links kernels."""
        if not self._wanted():
            return []
        return NEEDS if self._linking().system_linker() else [*NEEDS, self._linking().ZIG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say that what is built belongs to this platform."""
        if not self._wanted():
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        beside_sources = version == "editable"
        folder = Path(self.root, KERNELS) if beside_sources else Path(self.root, "build", "kernels")
        self._compile(folder)
        for file in () if beside_sources else folder.glob("compiled*"):
            build_data["force_include"][str(file)] = f"lmloop/kernels/{file.name}"

    def _compile(self, folder: Path) -> None:
        """Compile, unless it is there: an installer may build twice, first for the metadata alone."""
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", BUILD, str(Path(self.root, "src")), str(folder)]
        subprocess.run(command, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, check=True)

    def _linking(self) -> Any:
        spec = importlib.util.spec_from_file_location("linking", Path(self.root, KERNELS, "compiling", "linking.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def _wanted(self) -> bool:
        return sys.platform == "linux" and os.environ.get("LMLOOP_KERNELS") != "jit"
