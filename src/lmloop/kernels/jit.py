"""How kernels become machine code: when the package is built, or by numba on their first call.

A kernel here stands for both. Called, it looks for machine code in the library by what it is called with; where there
is none (an edited checkout, an installation without it, arguments not foreseen) numba compiles it. To numba, which
compiles kernels that call each other, it is the function that it wraps.

``LMLOOP_KERNELS=jit`` leaves the library aside; ``LMLOOP_KERNELS=library`` never compiles, and says what lacks.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from lmloop.core.errors import LmloopError
from lmloop.kernels.compiling import library
from lmloop.kernels.compiling.compiler import OPTIONS, compile_on_use, numba
from lmloop.kernels.compiling.signatures import Flat, Signature

Function = TypeVar("Function", bound=Callable[..., Any])


class Wrapped:
    """A function that numba compiles, once it is asked to."""

    def __init__(self, function: Callable[..., Any], compile_it: Callable[[Callable[..., Any]], Any]) -> None:
        self.py_func = function
        self.__name__, self.__doc__, self.__module__ = function.__name__, function.__doc__, function.__module__
        self._compile_it = compile_it

    def __call__(self, *values: Any) -> Any:
        """Run it in Python."""
        return self.py_func(*values)

    @cached_property
    def compiled(self) -> Any:
        """What numba makes of it."""
        return self._compile_it(self.py_func)

    @property
    def _numba_type_(self) -> Any:
        from numba.core.registry import cpu_target

        value, context = self.compiled, cpu_target.typing_context
        context.refresh()  # it may not have seen a new intrinsic yet
        return context.resolve_value_type(value)


class Kernel(Wrapped):
    """A kernel: called from Python, it runs without the interpreter lock."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function, compile_on_use)
        self.name = f"{self.__module__.removeprefix('lmloop.kernels.')}.{self.__name__}"
        self._ours = self.name != f"{self.__module__}.{self.__name__}"

    @cached_property
    def _entries(self) -> dict[Signature, library.Entry]:
        return library.entries(self.name)

    def __call__(self, *values: Any) -> Any:
        """Run it."""
        if self._entries:
            flat = Flat(values)
            entry = self._entries.get(tuple(flat.words))
            if entry is not None and entry.written.isdisjoint(flat.locked):
                return entry(flat.slots)
        return self._numba(values)(*values)

    def prepared(self, *values: Any) -> Callable[..., Any]:
        """Do what :func:`prepared` says."""
        flat = Flat(values)
        entry = self._entries.get(tuple(flat.words))
        numbers = [place for place, value in enumerate(values) if type(value) is int]
        if entry is None or not entry.written.isdisjoint(flat.locked):
            return _with_numbers(self._numba(values), values, numbers)
        slots = [len(Flat(values[:place]).slots) for place in numbers]
        return library.Prepared(entry, flat.slots, slots, values)

    def _numba(self, values: tuple[Any, ...]) -> Any:
        """Give what numba compiles, where it may."""
        if self._ours:
            library.note_lack(self.name, values)
            if library.MODE == "library":
                raise LmloopError(
                    f"LMLOOP_KERNELS=library, but {library.trouble()}: {self.name} {' '.join(Flat(values).marked())}",
                    hint="leave LMLOOP_KERNELS unset, and have numba compile it",
                )
        return self.compiled


def compiled(function: Function) -> Function:
    """Make a kernel of a function."""
    kernel: Any = Kernel(function)
    return kernel  # type: ignore[no-any-return]


def prepared(kernel: Any, *values: Any) -> Callable[..., Any]:
    """Give a function of the whole numbers among the arguments of a kernel, for many calls with the same arrays.

    To look at what a kernel is called with takes half a microsecond for each array, which is much for one that
    is called thousands of times a second.
    """
    return kernel.prepared(*values)  # type: ignore[no-any-return]


def inlined(function: Function) -> Function:
    """Compile a helper into each kernel that calls it."""
    helper: Any = Wrapped(function, _compile_inlined)
    return helper  # type: ignore[no-any-return]


def intrinsic(function: Callable[..., Any]) -> Any:
    """Make an operation that kernels can use of a function that writes its instructions."""
    return Wrapped(function, _make_intrinsic)


class External:
    """A function of the system's C library for kernels to call, with its signature as numba writes it."""

    def __init__(self, name: str, signature: str) -> None:
        self._name, self._signature = name, signature

    @property
    def _numba_type_(self) -> Any:
        tool = numba()
        arguments, result = tool.core.sigutils.normalize_signature(self._signature)
        return tool.types.ExternalFunction(self._name, tool.core.typing.signature(result, *arguments))


def _compile_inlined(function: Callable[..., Any]) -> Any:
    return numba().njit(forceinline=True, **OPTIONS)(function)


def _make_intrinsic(function: Callable[..., Any]) -> Any:
    return numba().extending.intrinsic(function)


def _with_numbers(function: Any, values: tuple[Any, ...], places: list[int]) -> Callable[..., Any]:
    def call(*numbers: int) -> Any:
        changed = list(values)
        for place, number in zip(places, numbers, strict=True):
            changed[place] = number
        return function(*changed)

    return call
