"""The normal form in which near-duplicates are compared: case, accents, numbers and punctuation are evened out.

After datatrove's ``simplify_text``: lower case; each number (digits, and digits after one separator) is 0;
punctuation and symbols are spaces; white space is one space; NFD without nonspacing marks. Ours differs in
that final sigma is sigma, characters of format (soft hyphen, joiners) vanish, and hangul stays composed.
"""

# ruff: noqa: PLR1714  (a chain of comparisons is what compiles well; a set is not)

import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.bits import load64, store64
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Bytes, TextBuffer, decode, read_only
from lmloop.kernels.words import CASE_BITS, ascii_letters

TABLE = Path(__file__).with_name("normal.npz")
POINTS = 0x110000
BLOCK = 128
GROWTH = 2  # most bytes that one byte can become (Bengali vowel signs fall into two)

COPY, SPACE, DROP, DIGIT, REWRITE = 0, 1, 2, 3, 4  # from REWRITE on: number of the replacement, plus 4
SEPARATORS = ".,،٫⎖⎗⎘"  # inside numbers, as datatrove has them


class Rules(NamedTuple):
    """What becomes of each code point.

    ``action`` uint16 [0x110000]; replacement ``k`` (action ``k + 4``) is ``pool[starts[k]:starts[k + 1]]``.
    """

    action: npt.NDArray[np.uint16]
    starts: npt.NDArray[np.int32]
    pool: Bytes


def normal_form(buffer: TextBuffer) -> TextBuffer:
    """Give each document in normal form, without white space at its ends."""
    documents = len(buffer.offsets) - 1
    room = GROWTH * int(buffer.offsets[-1] - buffer.offsets[0])
    data, offsets = np.empty(room + 8, np.uint8), np.zeros(documents + 1, np.int64)
    _normal_form(buffer, rules(), data, offsets)
    return TextBuffer(read_only(data[: offsets[-1]].copy()), offsets)


@cache
def rules() -> Rules:
    """Load the rules from ``normal.npz``."""
    with np.load(TABLE) as table:
        action = table["blocks"][table["index"]].reshape(-1)
        return Rules(action, table["starts"], table["pool"])


def rewrite(character: str) -> str:
    """Give the normal form of one character by this Python's Unicode data."""
    if "가" <= character <= "힣":
        return character
    out = ""
    for part in character.lower().replace("ς", "σ"):
        category = unicodedata.category(part)
        if category == "Nd":
            out += "0"
        elif part.isspace() or part == "\u200b" or (category[0] in "CPSZ" and category != "Cf"):
            out += " "
        else:
            parts = unicodedata.normalize("NFD", part)
            out += "".join(p for p in parts if unicodedata.category(p) not in ("Mn", "Cf"))
    return out


def make_rules(rewrite: Callable[[str], str]) -> dict[str, npt.NDArray[Any]]:
    """Turn a rule for single characters into the arrays of a table."""
    fixed = {" ": SPACE, "": DROP, "0": DIGIT}
    action = np.zeros(POINTS, np.uint16)
    replacements: dict[str, int] = {}
    for point in range(POINTS):
        character = chr(point)
        new = rewrite(character)
        if new in fixed:
            action[point] = fixed[new]
        elif new != character:
            action[point] = REWRITE + replacements.setdefault(new, len(replacements))
    encoded = [new.encode() for new in replacements]
    blocks, index = np.unique(action.reshape(-1, BLOCK), axis=0, return_inverse=True)
    return {
        "blocks": blocks,
        "index": index.reshape(-1).astype(np.uint16),
        "starts": np.cumsum([0, *map(len, encoded)]).astype(np.int32),
        "pool": np.frombuffer(b"".join(encoded), np.uint8),
    }


def generate(place: Path = TABLE) -> None:
    """Write the rules from this Python's Unicode data; run it with the newest Python at hand."""
    arrays: dict[str, Any] = make_rules(rewrite)
    np.savez_compressed(place, version=np.array(unicodedata.unidata_version), **arrays)


@inlined
def is_separator(point: Any) -> Any:
    """Say whether a code point may stand once inside a number."""
    return point == 46 or point == 44 or point == 0x60C or point == 0x66B or 0x2396 <= point <= 0x2398


@inlined
def number_end(data: Any, i: Any, end: Any, action: Any) -> Any:
    """Give the end of the number that starts at ``i``: digits, then once a separator and digits."""
    for part in range(2):
        while i < end:
            point, width = decode(data, i, end)
            if action[point] != DIGIT:
                break
            i += width
        if part == 1 or i >= end:
            break
        point, width = decode(data, i, end)
        if not is_separator(point) or i + width >= end:
            break
        after, _ = decode(data, i + width, end)
        if action[after] != DIGIT:
            break
        i += width
    return i


@compiled
def normalise(data: Any, start: Any, end: Any, rules: Any, out: Any, place: Any) -> Any:
    """Write the normal form of ``data[start:end]`` to ``out`` from ``place`` on; gives where it ends.

    There must be room for twice as many bytes and 8 more: letters of ASCII are written eight at a time.
    """
    first, pending, i = place, False, start
    while i < end:
        if i + 8 <= end:
            word = load64(data, i)
            letters = ascii_letters(word)
            if letters > 0:
                out[place] = 32
                place += pending and place > first
                pending = False
                store64(out, place, word | CASE_BITS)
                place += letters
                i += letters
                continue
        byte = data[i]
        if byte < 0x80:
            point, width = np.int64(byte), np.int64(1)
        else:
            point, width = decode(data, i, end)
        action = rules.action[point]
        if action == SPACE:
            pending = True
            i += width
            continue
        if action == DROP:
            i += width
            continue
        if pending and place > first:
            out[place] = 32
            place += 1
        pending = False
        if action == COPY:
            for k in range(width):
                out[place + k] = data[i + k]
            place += width
            i += width
        elif action == DIGIT:
            out[place] = 48
            place += 1
            i = number_end(data, i, end, rules.action)
        else:
            for k in range(rules.starts[action - REWRITE], rules.starts[action - REWRITE + 1]):
                out[place] = rules.pool[k]
                place += 1
            i += width
    return place


@compiled
def _normal_form(buffer: Any, rules: Any, data: Any, offsets: Any) -> None:
    place = np.int64(0)
    for document in range(len(offsets) - 1):
        start, end = buffer.offsets[document], buffer.offsets[document + 1]
        place = normalise(buffer.data, start, end, rules, data, place)
        offsets[document + 1] = place
