"""What the patterns of tokenizers ask of a character, as one byte of flags for each code point.

The table is made by asking the reference library itself, and shipped in ``classes.npz``: which characters are
letters depends on the version of Unicode, and a tokenizer must not change with Python's.
"""

from functools import cache
from pathlib import Path

import numpy as np

from lmloop.core.extras import need
from lmloop.kernels.characters import BLOCK, POINTS, Classes

TABLE = Path(__file__).with_name("classes.npz")

LETTER, NUMBER, SPACE, BREAK, MARK, UPPER, HAN, KANA = (1 << bit for bit in range(8))

PATTERNS = {
    LETTER: r"\p{L}",
    NUMBER: r"\p{N}",
    SPACE: r"\s",
    BREAK: r"[\r\n]",
    MARK: r"\p{M}",
    UPPER: r"\p{Lu}",
    HAN: r"\p{Han}",
    KANA: r"[\p{Hiragana}\p{Katakana}ー]",
}


@cache
def classes() -> Classes:
    """Give the flags of every code point: uint8 [0x110000]."""
    with np.load(TABLE) as table:
        flat: Classes = table["blocks"][table["index"]].reshape(-1)
    flat.flags.writeable = False
    return flat


def matching(pattern: str) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Ask the reference library which code points a pattern for one character matches: bool [0x110000].

    Raises:
        Exception: the library does not know the pattern.
    """
    tokenizers = need("tokenizers", "train")
    points = [point for point in range(POINTS) if not 0xD800 <= point < 0xE000]
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(f"(?:{pattern})+"), "removed")
    found = np.ones(POINTS, np.bool_)
    found[0xD800:0xE000] = False
    text = "".join(map(chr, points))
    for piece, _ in split.pre_tokenize_str(text):  # what is left is what does not match
        found[ord(piece[0]) : ord(piece[-1]) + 1] = False
    return found


def generate(place: Path = TABLE) -> None:
    """Write the table; run it with the newest version of the library at hand."""
    flat = np.zeros(POINTS, np.uint8)
    for flag, pattern in PATTERNS.items():
        flat[matching(pattern)] |= flag
    blocks, index = np.unique(flat.reshape(-1, BLOCK), axis=0, return_inverse=True)
    np.savez_compressed(place, blocks=blocks, index=index.reshape(-1).astype(np.uint16))
