r"""How text is cut into pieces before any merging: one regular expression a preset.

No merge crosses a border between pieces, so these patterns decide what a token can ever be. All of them are read
alike by the regex engines of tokenizers (Oniguruma) and tiktoken (Rust), and every run is bounded: a piece has at
most 64 characters (256 bytes), so no input, however hostile, makes encoding slow.
"""

from typing import Literal, TypeAlias

Preset: TypeAlias = Literal["gpt4", "gpt2", "cjk", "code"]
Digits: TypeAlias = Literal[0, 1, 2, 3]

LONGEST = 64
"""The most characters in a piece; a character has at most 4 bytes."""

ENDINGS = r"'(?i:[sdmt]|ll|ve|re)"
SYMBOLS = r" ?[^\s\p{L}\p{N}]{1,64}[\r\n]{0,64}"
SPACES = r"\s{0,63}[\r\n]|\s{1,64}(?!\S)|\s{1,64}"
HAN = r"\p{Han}{1,64}"
KANA = r"[\p{Hiragana}\p{Katakana}ー]{1,64}"
OTHER_LETTERS = r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}&&[^\p{Han}\p{Hiragana}\p{Katakana}ー]]{1,64}"
CAMEL = r"[^\r\n\p{L}\p{N}]?(?:\p{Lu}{0,63}[\p{L}\p{M}&&[^\p{Lu}]]{1,64}|\p{Lu}{1,64})"
INDENT = r"\r?\n[ \t]{0,62}(?=\S)"


def pattern(preset: Preset, digits: Digits = 2) -> str:
    r"""Give the regular expression of a preset; numbers are cut into groups of ``digits`` (0: not cut).

    * ``gpt4``: a word takes one space or symbol in front of it along, endings like ``'s`` stand alone, line breaks end
      a piece (the pattern of OpenAI's cl100k_base, with bounded runs).
    * ``gpt2``: a word takes a space along, and so do numbers and symbols (Radford et al. 2019, GPT-2's encoder.py).
    * ``cjk``: as ``gpt4``, but Han and kana are runs of their own: no token mixes ``使用`` with ``Python``, or a comma
      with what follows it.
    * ``code``: as ``gpt4``, but words are cut where lower case meets upper (``readFile``), and a line break takes the
      indentation behind it along.
    """
    number = rf"\p{{N}}{{1,{digits or LONGEST}}}"
    alternatives = {
        "gpt4": (ENDINGS, r"[^\r\n\p{L}\p{N}]?\p{L}{1,64}", number, SYMBOLS, SPACES),
        "gpt2": (
            r"'(?:[sdmt]|ll|ve|re)",
            r" ?\p{L}{1,64}",
            rf" ?{number}",
            r" ?[^\s\p{L}\p{N}]{1,64}",
            r"\s{1,64}(?!\S)|\s{1,64}",
        ),
        "cjk": (ENDINGS, HAN, KANA, OTHER_LETTERS, number, SYMBOLS, SPACES),
        "code": (ENDINGS, CAMEL, number, SYMBOLS, INDENT, SPACES),
    }
    return "|".join(alternatives[preset])
