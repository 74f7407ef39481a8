"""Random texts for the kernels' tests, and the segmentation written plainly, to hold theirs against."""

import re
import unicodedata

import pyarrow as pa
from hypothesis import strategies as st

from lmloop.kernels.characters import OTHER, classes
from lmloop.kernels.text import TextBuffer, text_buffer

PIECES = (
    *("the", "The", "of", "and", "don't", "co-op", "x", "naïve", "ΣΟΦΟΣ", "İ", "ǅ", "abc123", "3.14", "1,5", "²"),
    *(
        "的",
        "了",
        "中文",
        "かな",
        "カ",
        "한국",
        "々",
        "𠀀",
        "が",
        "é",
        "क्षि",
        "ไทย",
        "e\u0301",
        "\u0301",
        "\u1112\u1161",
    ),
    *(
        "😀",
        "👩🏽‍🚀",
        "❤️",
        "#",
        "...",
        "…",
        ".",
        "——",
        "-",
        "'",
        "•",
        "。",
        "，",
        "$",
        "==",
        "\u200b",
        "\u00ad",
        "\ufeff",
    ),
    *(
        " ",
        " ",
        " ",
        "\n",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\t",
        "\x1c",
        "\x85",
        "\xa0",
        "\u2028",
        "\u3000",
        "\x00",
        "\ufffd",
    ),
)
WORDS = ("a", "b", "of", "中", "的", ",", "\n", "\n\n", "…")

# Without unassigned characters: a newer table than this Python's may know them.
ANY = st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=60)
MIXED = st.lists(st.sampled_from(PIECES), max_size=80).map("".join)
REPETITIVE = st.lists(st.sampled_from(WORDS), max_size=120).map(" ".join) | st.lists(
    st.sampled_from("ab中 \n"), max_size=120
).map("".join)
TEXTS = ANY | MIXED | REPETITIVE
COLUMNS = st.lists(TEXTS, max_size=4)

EDGES = ("", " ", "\n", "a", "中", "é", "😀", "\u2028", "-", "'", "a'", "'a", "a-b", "a--b", "...", "a\n\nb", "中'中")


def buffer_of(*texts: str | None) -> TextBuffer:
    return text_buffer(pa.array(texts, pa.string()))


def table_knows(texts: list[str]) -> bool:
    """Say whether the tables know all characters; a newer Python than the one that made them may know more."""
    return not any(classes()[ord(c)] == OTHER and unicodedata.category(c)[0] != "C" for c in "".join(texts))


def plain_tokens(text: str) -> list[tuple[str, str]]:
    """Each token and its kind: (S)ymbol, (N)umber, (W)ord, (C)JK; after the docstring of ``words``."""
    kinds = "".join("OSLNMCJPY"[classes()[ord(c)]] for c in text)
    tokens, i = [], 0
    while i < len(text):
        if word := re.compile("[LNM]+(?:J[LN][LNM]*)*").match(kinds, i):
            tokens.append((text[i : word.end()], "W" if "L" in word[0] else "N"))
            i = word.end()
        elif cjk := re.compile("CM*").match(kinds, i):
            tokens.append((text[i : cjk.end()], "C"))
            i = cjk.end()
        elif kinds[i] in "JPY":
            end = i + 1
            while end < len(text) and (text[end] == text[i] or kinds[end] == "M"):
                end += 1
            tokens.append((text[i:end], "S"))
            i = end
        else:
            i += 1
    return tokens


def plain_normal_form(text: str) -> str:
    """After the docstring of ``normal``, for code points that this Python's Unicode data and ours both know."""
    text = re.sub(r"\d+([.,،٫⎖⎗⎘]\d+)?", "0", text.lower().replace("ς", "σ"))
    spaced = "".join(
        " " if c == "\u200b" or (unicodedata.category(c)[0] in "PSZC" and unicodedata.category(c) != "Cf") else c
        for c in text
    )
    parts = "".join(c if "가" <= c <= "힣" else unicodedata.normalize("NFD", c) for c in spaced)
    return " ".join("".join(c for c in parts if unicodedata.category(c) not in ("Mn", "Cf")).split())
