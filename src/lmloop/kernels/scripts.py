"""Shares of scripts among the letters of a text."""

from typing import Any

import numpy as np

from lmloop.kernels.characters import CJK, LETTER, classes
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Floats, TextBuffer, decode


def script_shares(buffer: TextBuffer) -> tuple[Floats, Floats]:
    """Give the share of Han characters, and of all CJK characters, among the letters of each document: float64 each."""
    shares = np.zeros((2, len(buffer.offsets) - 1))
    _script_shares(buffer, classes(), shares)
    return shares[0], shares[1]


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
