"""Shares of scripts among the letters of a text."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from lmloop.kernels.characters import CJK, LETTER, classes
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Floats, Integers, TextBuffer, decode

SIMPLIFIED, TRADITIONAL = 1, 2
FIRST_HAN, LAST_HAN = 0x4E00, 0x9FFF


def script_shares(buffer: TextBuffer) -> tuple[Floats, Floats]:
    """Give the share of Han characters, and of all CJK characters, among the letters of each document: float64 each."""
    shares = np.zeros((2, len(buffer.offsets) - 1))
    _script_shares(buffer, classes(), shares)
    return shares[0], shares[1]


def variant_counts(buffer: TextBuffer) -> tuple[Integers, Integers]:
    """Count the characters of each document that only simplified, and only traditional text has: int64 each."""
    counts = np.zeros((2, len(buffer.offsets) - 1), np.int64)
    _variant_counts(buffer, variants(), counts)
    return counts[0], counts[1]


@cache
def variants() -> npt.NDArray[np.uint8]:
    """Say of each Han character from :data:`FIRST_HAN` on whether it is only simplified, only traditional, or neither.

    A character is simplified if it is in GB 2312, the standard for simplified text, and not in Big5, that for
    traditional; traditional if in Big5 and not in GB 2312. So 后 and 里, which both have, tell nothing.
    """
    table = np.zeros(LAST_HAN + 1 - FIRST_HAN, np.uint8)
    for place in range(len(table)):
        character = chr(FIRST_HAN + place)
        simplified, traditional = (bool(character.encode(name, "ignore")) for name in ("gb2312", "big5"))
        table[place] = SIMPLIFIED * (simplified > traditional) + TRADITIONAL * (traditional > simplified)
    table.flags.writeable = False
    return table


@inlined
def is_han(point: Any) -> Any:
    """Say whether a CJK character is Han: unified and compatibility ideographs, and 々〇."""
    return (
        0x4E00 <= point <= 0x9FFF
        or 0x3400 <= point <= 0x4DBF
        or 0x20000 <= point <= 0x3FFFF
        or 0xF900 <= point <= 0xFAFF
        or point in (0x3005, 0x3007)
    )


@compiled
def _script_shares(buffer: Any, classes: Any, shares: Any) -> None:
    for document in range(shares.shape[1]):
        letters, cjk, han = 0, 0, 0
        i, end = buffer.offsets[document], buffer.offsets[document + 1]
        while i < end:
            point, width = decode(buffer.data, i, end)
            i += width
            kind = classes[point]
            letters += kind == LETTER or kind == CJK  # noqa: PLR1714  (a set does not compile well)
            cjk += kind == CJK
            han += kind == CJK and is_han(point)
        shares[0, document] = han / max(letters, 1)
        shares[1, document] = cjk / max(letters, 1)


@compiled
def _variant_counts(buffer: Any, variants: Any, counts: Any) -> None:
    data = buffer.data
    for document in range(counts.shape[1]):
        i, end = buffer.offsets[document], buffer.offsets[document + 1]
        while i < end:
            if data[i] < 0xE4:  # the first byte of U+4000
                i += 1
                continue
            point, width = decode(data, i, end)
            i += width
            if FIRST_HAN <= point <= LAST_HAN:
                kind = variants[point - FIRST_HAN]
                counts[0, document] += kind == SIMPLIFIED
                counts[1, document] += kind == TRADITIONAL
