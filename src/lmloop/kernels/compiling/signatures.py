"""What a kernel is called with, flat: words that say the types, and the 64-bit slots that hold the values.

A signature is a tuple of words, as ``("lmloop.kernels.text:TextBuffer(", "uint8.1C", "int64.1C", ")", "int64")``: an
array is its dtype, the number of its dimensions and its layout (C or F contiguous, A for any other); a tuple is what is
in it, in brackets, a named one with its class. Machine code is compiled for one signature, and found by it.

A slot holds a number, or the address of what numpy keeps of an array: its data, its dimensions and its strides.
"""

import ctypes
import struct
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import numpy as np

Signature: TypeAlias = tuple[str, ...]

READ_ONLY: Final = "!"
"""Stands behind an array's word, where signatures are kept, if it may be one that cannot be written to."""
STRANGE: Final = "?"
"""Stands before the word of what no signature has: only numba can say what it is."""

_HEAD: Final = object.__basicsize__
_C, _F, _ALIGNED, _WRITEABLE = 0x1, 0x2, 0x100, 0x400  # of ``ndarray.flags.num``
_KNOWN: Final = _C | _F | _ALIGNED | _WRITEABLE
_LEAST, _MOST, _MOST_UNSIGNED = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1

_arrays: dict[tuple[Any, int, int], str] = {}
_classes: dict[type, str] = {tuple: "("}


class Flat:
    """Arguments laid flat: ``words`` and ``slots``, and the places of ``locked`` slots: arrays not to be written."""

    __slots__ = ("locked", "slots", "words")

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.words: list[str] = []
        self.slots: list[int] = []
        self.locked: list[int] = []
        self._add(values)

    def marked(self) -> Signature:
        """Give the words as they are kept, with a mark at arrays that cannot be written to."""
        places, marked = iter(range(len(self.slots))), []
        for word in self.words:
            locked = takes_slot(word) and next(places) in self.locked
            marked.append(word + READ_ONLY if locked else word)
        return tuple(marked)

    def _add(self, values: Iterable[Any]) -> None:
        words, slots = self.words, self.slots
        for value in values:
            if type(value) is int and _LEAST <= value <= _MOST:
                words.append("int64")
                slots.append(value)
            elif isinstance(value, np.ndarray):
                flags = value.flags.num & _KNOWN
                key = (value.dtype, value.ndim, flags)
                words.append(_arrays.get(key) or _array_word(value, key))
                if not flags & _WRITEABLE:
                    self.locked.append(len(slots))
                slots.append(id(value) + _HEAD)
            elif isinstance(value, tuple):
                kind = type(value)
                words.append(_classes.get(kind) or _class_word(kind))
                self._add(value)
                words.append(")")
            else:
                word, slot = _scalar(value)
                words.append(word)
                slots.append(slot)


def takes_slot(word: str) -> bool:
    """Say whether a word is of a value, and not a bracket."""
    return not word.endswith(("(", ")"))


def numpy_is_as_expected() -> bool:
    """Say whether numpy keeps an array's data, dimensions and strides where compiled kernels look for them."""
    array = np.zeros((3, 5), np.int32)[:, ::2]
    data, dimensions, shape, strides = (ctypes.c_int64 * 4).from_address(id(array) + _HEAD)
    if data != array.ctypes.data or dimensions & 0xFFFF_FFFF != array.ndim:
        return False
    pair = ctypes.c_int64 * 2
    return tuple(pair.from_address(shape)) == array.shape and tuple(pair.from_address(strides)) == array.strides


def _scalar(value: Any) -> tuple[str, int]:
    """Give the word and the slot of a number."""
    kind = type(value)
    if kind is bool or kind is np.bool_:
        return "bool", int(value)
    if kind is int and _MOST < value <= _MOST_UNSIGNED:
        return "uint64", value
    if isinstance(value, np.integer):
        return value.dtype.name, int(value)
    if kind is float or kind is np.float64:
        (bits,) = struct.unpack("q", struct.pack("d", value))
        return "float64", bits
    return f"{STRANGE}{kind.__name__}", 0


def _array_word(array: Any, key: tuple[Any, int, int]) -> str:
    flags = array.flags
    layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
    plain = flags.aligned and array.dtype.isnative and array.dtype.isbuiltin == 1
    word = _arrays[key] = f"{'' if plain else STRANGE}{array.dtype.name}.{array.ndim}{layout}"
    return word


def _class_word(kind: type) -> str:
    word = _classes[kind] = f"{kind.__module__}:{kind.__qualname__}("
    return word
