"""Texts made safe to show: control characters made visible, spans marked, two versions compared by words."""

import difflib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmloop.report.blocks import Span

UNSHOWABLE = re.compile("\r\n|[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
WORDS = re.compile(rf"[{IDEOGRAPHS}]|(?:(?![{IDEOGRAPHS}])\w)+|\s+|[^\w\s]")
# Comparing is quadratic in the worst case; excerpts longer than this add nothing to what a reader sees.
WORDS_COMPARED = 400
LINES_SHOWN = 9
LINE_CELLS = 84


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text of one kind: plain, marked, or only in one of two versions."""

    text: str
    kind: str = ""
    label: str = ""


def clean(text: str) -> str:
    """Text that any page and terminal can hold: control characters become visible pictures, such as ␀."""
    return UNSHOWABLE.sub(_picture, text)


def ellipsis(text: str, cells: int) -> str:
    """Text cut to a width in cells, where an ideograph takes two."""
    if sum(map(_cells, text)) <= cells:
        return text
    taken = 0
    for place, letter in enumerate(text):
        taken += _cells(letter)
        if taken > cells - 1:
            return text[:place].rstrip() + "…"
    return text


def is_long(text: str) -> bool:
    """Whether a text takes so much room that a reader should ask for the rest of it."""
    return text.count("\n") > LINES_SHOWN or sum(map(_cells, text)) > LINES_SHOWN * LINE_CELLS


def marked(text: str, spans: Sequence[Span]) -> list[Piece]:
    """The text in pieces, the spans' among them marked; where spans overlap, the earlier one wins."""
    pieces: list[Piece] = []
    done = 0
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        start, end = max(span.start, done), min(span.end, len(text))
        if start >= end:
            continue
        if start > done:
            pieces.append(Piece(text[done:start]))
        pieces.append(Piece(text[start:end], "marked", span.label))
        done = end
    if done < len(text):
        pieces.append(Piece(text[done:]))
    return pieces


def difference(kept: str, dropped: str) -> list[Piece]:
    """Two texts as one, in pieces that are in both (kind ""), only in the kept, or only in the dropped."""
    kept_words = WORDS.findall(kept)[:WORDS_COMPARED]
    dropped_words = WORDS.findall(dropped)[:WORDS_COMPARED]
    return list(_pieces(kept_words, dropped_words))


def _pieces(kept: list[str], dropped: list[str]) -> Iterator[Piece]:
    # A text that says the same few words over and over matches everywhere, and would take seconds.
    repetitive = len(set(dropped)) * 8 < len(dropped)
    matcher = difflib.SequenceMatcher(None, kept, dropped, autojunk=repetitive)
    for change, kept_from, kept_to, dropped_from, dropped_to in matcher.get_opcodes():
        if change == "equal":
            yield Piece("".join(kept[kept_from:kept_to]))
            continue
        if kept_to > kept_from:
            yield Piece("".join(kept[kept_from:kept_to]), "kept")
        if dropped_to > dropped_from:
            yield Piece("".join(dropped[dropped_from:dropped_to]), "dropped")


def _picture(match: re.Match[str]) -> str:
    found = match.group()
    if found == "\r\n":
        return "\n"
    code = ord(found)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\ufffd"


def _cells(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
