"""Building the library of kernels: each compiled for the signatures listed, in one shared library.

``python -m lmloop.kernels.compiling.building`` builds it where the package looks for it, unless it is there, as an
installation does. ``LMLOOP_KERNELS_TARGET`` says for which processors: see ``target.py``.
"""

import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from lmloop.core.draft import draft
from lmloop.kernels.compiling import compiler, library
from lmloop.kernels.compiling.entries import Entries
from lmloop.kernels.compiling.linking import link
from lmloop.kernels.compiling.listing import Listed, listed
from lmloop.kernels.compiling.target import Target, target

MOST_PROCESSES = 8  # each holds numba and what it compiles, some 300 MB
Table = dict[str, list[Any]]
"""For each kernel, and each of its signatures: the function in the library, what it gives, and the signature."""


def build(folder: Path, machine: Target, wanted: Listed | None = None) -> None:
    """Build the library in a folder, unless it is there; of the kernels listed, or of those wanted."""
    told = {"digest": library.digest(), "target": [machine.name, machine.features], "needs": machine.needs}
    if _is_there(folder, told):
        return
    code, kernels = _compile(machine, listed() if wanted is None else wanted)
    name = f"compiled-{hashlib.blake2b(code, digest_size=8).hexdigest()}.bin"
    old = [file for file in folder.glob("compiled-*.bin") if file.name != name]
    for file, content in (
        (name, code),
        (library.LIST, json.dumps({**told, "library": name, "kernels": kernels}).encode()),
    ):
        with draft(folder / file) as place:
            place.write_bytes(content)
    for place in old:
        place.unlink()


def _is_there(folder: Path, told: dict[str, Any]) -> bool:
    try:
        found = json.loads((folder / library.LIST).read_bytes())
        return bool((folder / found["library"]).is_file()) and all(found[key] == told[key] for key in told)
    except (OSError, ValueError, KeyError):
        return False


def _compile(machine: Target, wanted: Listed) -> tuple[bytes, Table]:
    """Give the shared library, and which of its functions is which kernel; each core compiles a module at a time."""
    modules: dict[str, Listed] = {}
    for name, signatures in wanted.items():
        modules.setdefault(name.rpartition(".")[0], {})[name] = signatures
    biggest = sorted(modules, key=lambda module: -len(str(modules[module])))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    pool = ProcessPoolExecutor(min(cores, MOST_PROCESSES, len(modules)), multiprocessing.get_context("spawn"))
    with pool, tempfile.TemporaryDirectory() as folder:
        done = pool.map(_compile_module, [machine] * len(modules), biggest, (modules[name] for name in biggest))
        kernels: Table = {}
        parts: list[Path] = []
        for code, table in done:
            kernels |= table
            parts.append(Path(folder, f"{len(parts)}.o"))
            parts[-1].write_bytes(code)
        whole = Path(folder, "compiled.so")
        link(parts, whole)
        return whole.read_bytes(), dict(sorted(kernels.items()))


def _compile_module(machine: Target, module: str, kernels: Listed) -> tuple[bytes, Table]:
    compiler.prepare_building(machine.name, machine.features)
    made = Entries()
    table: Table = {}
    for name, signatures in kernels.items():
        kernel = getattr(import_module(f"lmloop.kernels.{module}"), name.rpartition(".")[2])
        table[name] = [[*made.add(kernel, name, tuple(words.split())), words] for words in signatures]
    return made.machine_code(machine.machine()), table


def main(folder: str = "") -> None:
    """Build it in a folder, for the processors that are asked for."""
    build(Path(folder) if folder else library.FOLDER, target())


if __name__ == "__main__":
    main(*sys.argv[1:])
