"""How many characters of each class a text has."""

from typing import Any, NamedTuple

import numpy as np

from lmloop.kernels.characters import CJK, JOINER, LETTER, MARK, NUMBER, OTHER, PUNCTUATION, SPACE, SYMBOL, classes
from lmloop.kernels.jit import compiled
from lmloop.kernels.linewise import capitals
from lmloop.kernels.text import Floats, TextBuffer, decode

UPPER, ASCII = 9, 10  # behind the nine classes


class Shares(NamedTuple):
    """Shares of the code points of each document, float64 [documents] each; of nothing, all are 0.

    ``letters`` of all scripts, CJK characters and the marks on them among them; ``capitals``; ``numbers``;
    ``punctuation`` with hyphens and apostrophes; ``symbols``; ``space``; ``others`` controls, private and unassigned
    characters; ``ascii``.
    """

    letters: Floats
    capitals: Floats
    numbers: Floats
    punctuation: Floats
    symbols: Floats
    space: Floats
    others: Floats
    ascii: Floats


def character_shares(buffer: TextBuffer) -> Shares:
    """Take the shares of each document."""
    counts = np.zeros((len(buffer.offsets) - 1, 11), np.int64)
    _census(buffer, classes(), capitals(), counts)
    total = np.maximum(counts[:, :9].sum(axis=1), 1)
    by_class = counts.T
    return Shares(
        letters=(by_class[LETTER] + by_class[CJK] + by_class[MARK]) / total,
        capitals=by_class[UPPER] / total,
        numbers=by_class[NUMBER] / total,
        punctuation=(by_class[PUNCTUATION] + by_class[JOINER]) / total,
        symbols=by_class[SYMBOL] / total,
        space=by_class[SPACE] / total,
        others=by_class[OTHER] / total,
        ascii=by_class[ASCII] / total,
    )


@compiled
def _census(buffer: Any, classes: Any, capitals: Any, counts: Any) -> None:
    for document in range(len(counts)):
        i, end = buffer.offsets[document], buffer.offsets[document + 1]
        while i < end:
            point, width = decode(buffer.data, i, end)
            counts[document, classes[point]] += 1
            counts[document, UPPER] += capitals[point] == 1
            counts[document, ASCII] += width == 1
            i += width
