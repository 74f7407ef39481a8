"""The library of kernels: what was compiled when the package was built, found and called.

It is a shared library and a list, which names the library and the digest of the sources that it was made of, says what
a processor must be able to do, and which of its functions is which kernel for which signature.
"""

import ctypes
import hashlib
import json
import os
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from lmloop.kernels.compiling.signatures import READ_ONLY, Flat, Signature, numpy_is_as_expected, takes_slot

MODE: Final = os.environ.get("LMLOOP_KERNELS", "")
"""``jit``, ``library``, or nothing: the library, and numba where it lacks something."""
LACKS: Final = os.environ.get("LMLOOP_KERNELS_LACKS", "")
"""A file to which each kernel is added that is called and that the library lacks, with its signature."""
FOLDER: Final = Path(__file__).parents[1]
LIST: Final = "compiled.json"
SIGNATURES: Final = Path(__file__).with_name("signatures.json")

_noted: set[str] = set()


class Entry:
    """The machine code of a kernel for one signature.

    ``written`` holds the slots of arrays that it may write to; ``gives`` says what it gives: None, the word of a
    number, or a list of such for a tuple.
    """

    def __init__(self, function: Any, kernel: str, signature: Signature, gives: Any) -> None:
        arguments = [word for word in signature if takes_slot(word)]
        self.written = {place for place, word in enumerate(arguments) if not word.endswith(READ_ONLY)}
        self._function, self._kernel, self._gives, self._arguments = function, kernel, gives, len(arguments)
        self._slots = ctypes.c_int64 * (len(arguments) + _size(gives))

    def __call__(self, arguments: list[int]) -> Any:
        """Run it with the slots of its arguments.

        Raises:
            ArithmeticError: it divided by zero.
        """
        return self.run(self.slots(arguments))

    def slots(self, arguments: list[int]) -> Any:
        """Give slots for the arguments and what it gives."""
        return self._slots(*arguments)

    def run(self, slots: Any) -> Any:
        """Run it with these slots."""
        if self._function(slots):
            raise ArithmeticError(f"the kernel {self._kernel} divided by zero")
        gives = self._gives
        if gives == "int64":
            return slots[self._arguments]
        return None if gives is None else _read(gives, iter(slots[self._arguments :]))


class Prepared:
    """A call that is made again and again, in which only some numbers differ; it keeps the arrays where they are."""

    def __init__(self, entry: Entry, arguments: list[int], places: list[int], values: Any) -> None:
        self._entry, self._slots, self._places, self.values = entry, entry.slots(arguments), places, values

    def __call__(self, *numbers: int) -> Any:
        """Run it with these numbers."""
        slots = self._slots
        for place, number in zip(self._places, numbers, strict=True):
            slots[place] = number
        return self._entry.run(slots)


Library: TypeAlias = dict[str, dict[Signature, Entry]]
"""For each kernel, its machine code by signatures without marks."""


def entries(kernel: str) -> dict[Signature, Entry]:
    """Give the machine code that there is of a kernel, by signatures without marks."""
    library = _load()
    return {} if isinstance(library, str) else library.get(kernel, {})


def trouble() -> str:
    """Say why the library is not used, or else that it lacks something; "" is never the answer."""
    library = _load()
    return library if isinstance(library, str) else "what was compiled with the package takes no such arguments"


def state() -> tuple[bool, str]:
    """Say whether the library is used, and how many kernels it has, or why it is not."""
    library = _load()
    if isinstance(library, str):
        return False, library
    return True, f"{len(library)} compiled with the package"


def note_lack(kernel: str, values: tuple[Any, ...]) -> None:
    """Add a call to the file of what lacks, where one is asked for."""
    line = f"{kernel} {' '.join(Flat(values).marked())}\n" if LACKS else ""
    if LACKS and line not in _noted:
        _noted.add(line)
        with Path(LACKS).open("a", encoding="utf-8") as file:
            file.write(line)


@cache
def digest() -> str:
    """Give the digest of all that goes into kernels."""
    state = hashlib.blake2b(digest_size=8)
    for file in sorted([*FOLDER.rglob("*.py"), SIGNATURES]):
        state.update(file.relative_to(FOLDER).as_posix().encode() + b"\0" + file.read_bytes())
    return state.hexdigest()


def processor() -> set[str]:
    """Give what this machine's processor says that it can do; nothing where that is not known."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    return set(line.partition(":")[2].split())
    except OSError:
        pass
    return set()


def load(folder: Path) -> Library | str:
    """Load the library in a folder: its kernels, or why it is not used."""
    if not (folder / LIST).is_file():
        return "nothing was compiled when lmloop was installed"
    told = json.loads((folder / LIST).read_bytes())
    if told["digest"] != digest():
        return "the sources are not those that were compiled when lmloop was installed"
    lacking = sorted(set(told["needs"]) - processor())
    if lacking:
        return f"what was compiled with the package needs a processor with {', '.join(lacking)}"
    if not numpy_is_as_expected():
        return "this numpy keeps its arrays in another way than what was compiled with the package expects"
    try:
        functions = ctypes.CDLL(str(folder / told["library"]))
    except OSError as bad:
        return f"what was compiled with the package cannot be loaded: {bad}"
    return {kernel: _entries(functions, kernel, known) for kernel, known in told["kernels"].items()}


@cache
def _load() -> Library | str:
    return "LMLOOP_KERNELS=jit" if MODE == "jit" else load(FOLDER)


def _entries(functions: Any, kernel: str, known: list[Any]) -> dict[Signature, Entry]:
    found = {}
    for symbol, gives, words in known:
        signature = tuple(words.split())
        plain = tuple(word.removesuffix(READ_ONLY) for word in signature)
        found[plain] = Entry(functions[symbol], kernel, signature, gives)
    return found


def _size(gives: Any) -> int:
    if isinstance(gives, list):
        return sum(map(_size, gives))
    return 0 if gives is None else 1


def _read(gives: Any, slots: Iterator[int]) -> Any:
    if isinstance(gives, list):
        return tuple(_read(part, slots) for part in gives)
    slot = next(slots)
    if gives == "bool":
        return bool(slot)
    if gives == "float64":
        return struct.unpack("d", struct.pack("q", slot))[0]
    return slot & 0xFFFF_FFFF_FFFF_FFFF if gives == "uint64" else slot
