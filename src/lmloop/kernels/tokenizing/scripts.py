"""Tokens of one script: byte strings that can stand in no text without it."""

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.core.errors import RecipeError
from lmloop.kernels.characters import POINTS
from lmloop.kernels.jit import inlined
from lmloop.kernels.text import decode
from lmloop.kernels.tokenizing.classes import matching

Flags = npt.NDArray[np.bool_]


class Script(NamedTuple):
    """Which code points belong to a script, bool [0x110000]; not ``bound``: all tokens will do."""

    points: Flags
    bound: bool


def any_script() -> Script:
    """Give the script that everything is written in."""
    return Script(np.zeros(1, np.bool_), False)


def script(name: str) -> Script:
    """Give a script by its name in Unicode: ``Han``, ``Hangul``, ``Thai``, ``Arabic``.

    Raises:
        RecipeError: there is none of that name.
    """
    try:
        return Script(matching(rf"\p{{{name}}}"), True)
    except Exception:  # the library raises plain exceptions
        raise RecipeError(f"there is no script called {name!r}", hint="write Han, Hangul, Thai, Arabic, ...") from None


def has_script(text: str, wanted: Script) -> bool:
    """Say whether a character of the script is in a text."""
    return bool(wanted.points[np.frombuffer(text.encode("utf-32-le"), np.uint32)].any()) if text else False


def script_class(wanted: Script) -> str:
    """Write the characters of a script as a class of a regular expression."""
    letters = np.flatnonzero(wanted.points)
    edges = np.flatnonzero(np.diff(letters) > 1)
    firsts = letters[np.concatenate([[0], edges + 1])]
    lasts = letters[np.concatenate([edges, [len(letters) - 1]])]
    spans = (f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True))
    return f"[{''.join(spans)}]"


@inlined
def width_of(lead: Any) -> Any:
    """Give the bytes of a character by its first one; 0 for a byte that begins none."""
    if lead < 0x80:
        return 1
    if lead < 0xC2:
        return 0
    if lead < 0xE0:
        return 2
    if lead < 0xF0:
        return 3
    return 4 if lead < 0xF5 else 0


@inlined
def is_written_in(data: Any, size: Any, script: Any) -> Any:
    """Say whether ``data[:size]`` can only stand in a text that has a character of the script.

    That is so if it begins with a character, all its characters are of the script, and it holds a whole one, or a
    part of one that can become no other.
    """
    i, whole = 0, 0
    while i < size:
        width = width_of(data[i])
        if width == 0:
            return False
        if i + width > size:
            return whole > 0 or only_completes(data, i, size, width, script)
        point, _ = decode(data, i, size)
        if not script.points[point]:
            return False
        whole += 1
        i += width
    return whole > 0


@inlined
def only_completes(data: Any, i: Any, size: Any, width: Any, script: Any) -> Any:
    """Say whether the part of a character at ``i`` can be completed to characters of the script only."""
    given = size - i
    point = np.int64(data[i]) & ((0x7F >> width) if width > 1 else 0x7F)
    for k in range(1, given):
        point = (point << 6) | (np.int64(data[i + k]) & 63)
    missing = 6 * (width - given)
    first, last = point << missing, ((point + 1) << missing) - 1
    if last >= POINTS:
        return False
    for candidate in range(first, last + 1):  # noqa: SIM110  (a generator does not compile)
        if not script.points[candidate]:
            return False
    return True
