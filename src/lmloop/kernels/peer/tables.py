"""What spaCy's English tokenizer and datatrove know about characters and strings, as arrays.

``peer.npz`` is written by :mod:`lmloop.kernels.peer.generate`; where the data comes from, and its licences, stands
in ``NOTICE`` beside it.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.normal import Rules
from lmloop.kernels.text import Hashes

TABLE = Path(__file__).with_name("peer.npz")
POINTS = 0x110000
BLOCK = 128

# What a character is, as bits.
PREFIX = 1 << 0  # spaCy: splits off at the beginning of a word, whatever follows
SUFFIX = 1 << 1  # and at the end, whatever stands before
DIGIT = 1 << 2  # [0-9]
ALPHA = 1 << 3
LOWER = 1 << 4  # with the letters of scripts without case
UPPER = 1 << 5  # the same
QUOTE = 1 << 6
BEFORE_STOP = 1 << 7  # a full stop splits off behind it
ICON = 1 << 8
HYPHEN = 1 << 9
HOST = 1 << 10  # may stand in the name of a host
SCHEME = 1 << 11  # may stand before "://"
DECIMAL = 1 << 12  # a digit of any script
SYMBOL = 1 << 13  # datatrove: punctuation; a word of nothing else is none
LETTER = 1 << 14  # str.isalpha
SENTENCE_END = 1 << 15  # spaCy's sentencizer: ends a sentence
PUNCTUATION = 1 << 16  # any general category P
TERMINAL = 1 << 17  # datatrove: terminal punctuation
MEASURE = 1 << 18  # the last character of a unit or currency, which split off behind a digit
SPACE = 1 << 19  # str.isspace
INFIX = 1 << 20  # may be one, or begin one
RULED = 1 << 21  # a rule for affixes speaks of it: a word without any is one token, or a special case


class Specials(NamedTuple):
    """spaCy's special cases: strings, and the tokens that they are.

    A hash table ``hash`` uint64 [slots] (0: free) and ``number`` int32 [slots]. Case ``k`` has the tokens
    ``first[k]`` to ``first[k + 1]`` of ``widths`` (bytes). One that is also looked for among finished tokens stands
    there as tokens of the widths ``found_first[k]`` to ``found_first[k + 1]`` of ``found_widths``. ``sizes`` and
    ``found_sizes`` uint32 [256]: which numbers of bytes (bits) have cases that begin with a byte, most of all none.
    """

    hash: Hashes
    number: npt.NDArray[np.int32]
    first: npt.NDArray[np.int32]
    widths: npt.NDArray[np.int32]
    found_first: npt.NDArray[np.int32]
    found_widths: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.uint32]
    found_sizes: npt.NDArray[np.uint32]


class Tables(NamedTuple):
    """What splitting needs: ``classes`` uint32 [0x110000], special cases, ``units`` uint64 [512] (hashes of units)."""

    classes: npt.NDArray[np.uint32]
    specials: Specials
    units: Hashes


@cache
def tables() -> Tables:
    """Load the tables of English words."""
    with np.load(TABLE) as kept:
        classes = kept["blocks"][kept["index"]].reshape(-1)
        specials = Specials(*(kept[f"special_{name}"] for name in Specials._fields))
        return Tables(classes, specials, kept["units"])


@cache
def peer_rules() -> Rules:
    """Load the rules of datatrove's normal form (its ``simplify_text``)."""
    with np.load(TABLE) as kept:
        action = kept["normal_blocks"][kept["normal_index"]].reshape(-1)
        return Rules(action, kept["normal_starts"], kept["normal_pool"])
