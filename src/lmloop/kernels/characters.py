"""Classes of characters: what segmentation has to know about a code point, as one byte for each.

The table is made from Python's Unicode data by :func:`generate` and shipped in ``characters.npz``, so that
every Python version segments alike and no process spends a second on building it.
"""

import unicodedata
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Classes: TypeAlias = npt.NDArray[np.uint8]

POINTS = 0x110000
BLOCK = 128
TABLE = Path(__file__).with_name("characters.npz")

# The order matters: what separates comes first, what words are made of stands together.
OTHER = 0  # control, private and unassigned characters: they separate, and are nothing themselves
SPACE = 1  # str.isspace
LETTER = 2  # letters of scripts that put words together from letters
NUMBER = 3  # digits and other numbers
MARK = 4  # accents, vowel signs, joiners: part of what stands before them
CJK = 5  # Han, kana, bopomofo, hangul: each character a unit of its own
JOINER = 6  # apostrophes and hyphens, which join inside a word
PUNCTUATION = 7
SYMBOL = 8

JOINERS = "'’-‐‑"
CJK_NAMES = (
    *("CJK ", "KANGXI RADICAL", "IDEOGRAPHIC ", "VERTICAL IDEOGRAPHIC ", "HIRAGANA ", "KATAKANA ", "KATAKANA-"),
    *("HENTAIGANA ", "HALFWIDTH KATAKANA", "HALFWIDTH HANGUL", "HANGUL ", "BOPOMOFO "),
)
JAMO_INSIDE = ("HANGUL JUNGSEONG", "HANGUL JONGSEONG")  # vowel and final of a syllable written in parts


@cache
def classes() -> Classes:
    """Give the class of every code point: uint8 [0x110000]."""
    with np.load(TABLE) as table:
        flat: Classes = table["blocks"][table["index"]].reshape(-1)
    flat.flags.writeable = False
    return flat


def classify(character: str) -> int:
    """Give the class of one character by this Python's Unicode data."""
    category, name = unicodedata.category(character), unicodedata.name(character, "")
    if character.isspace():
        return SPACE
    if character in JOINERS:
        return JOINER
    if name.startswith(JAMO_INSIDE) or name.startswith("EMOJI MODIFIER"):
        return MARK
    if name.startswith(CJK_NAMES) and (category in ("Lo", "Lm", "Nl") or "RADICAL" in name):
        return CJK
    if category == "Cf":  # zero-width joiners and the like belong to what they stand in; U+200B separates
        return OTHER if character == "\u200b" else MARK
    kinds = {"L": LETTER, "N": NUMBER, "M": MARK, "P": PUNCTUATION, "S": SYMBOL}
    return kinds.get(category[0], OTHER)


def generate(place: Path = TABLE) -> None:
    """Write the table from this Python's Unicode data; run it with the newest Python at hand."""
    flat = np.fromiter((classify(chr(point)) for point in range(POINTS)), np.uint8, POINTS)
    blocks, index = np.unique(flat.reshape(-1, BLOCK), axis=0, return_inverse=True)
    np.savez_compressed(
        place,
        blocks=blocks,
        index=index.reshape(-1).astype(np.uint16),
        version=np.array(unicodedata.unidata_version),
    )
