"""Where in a dropped text to look: the lines over again, the repeated phrase, the symbols, the words that match.

Highlights are for the eye. They are found in the text by plain patterns that follow an op's rule, and decide nothing.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, TypeAlias

from lmloop.core.op import Op
from lmloop.report.blocks import Span

MOST = 60
"""So many places are marked in a text."""

READ = 20_000
"""So many characters of a text are looked at."""

NGRAM = re.compile(r"(?:top|duplicate)-(\d+)-grams?")
CJK_PER_WORD = 1.5
TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
LINE = re.compile(r"[^\n]+")
PARAGRAPH = re.compile(r"[^\n]+(?:\n[^\n]+)*")
SHORT_LINE = 30

Places: TypeAlias = Iterator[tuple[int, int]]

PATTERNS: Mapping[str, str] = {
    "hash-symbols": r"#",
    "ellipses": r"\.\.\.|…",
    "bullet-lines": r"(?m)^[ \t]*[•‣▶◀◦■□▪▫–-][^\n]*",
    "ellipsis-lines": r"(?m)(?:\.\.\.|…)[ \t]*$",
    "few-letter-words": r"(?<!\S)[^\sA-Za-z\u00c0-\uffff]+(?!\S)",
    "long-words": r"\S{20,}",
    "short-lines": rf"(?m)^[^\n]{{1,{SHORT_LINE}}}$",
    "unpunctuated-lines": r"(?m)^[^\n]*[^\n.!?。！？…\"'”’」』）)\s][ \t]*$",
    "lorem-ipsum": r"(?i)lorem ipsum",
    "curly-bracket": r"[{}]",
    "personal-data": r"\[(?:EMAIL|IP|IBAN|CN-ID|CARD|CN-BANK-CARD|CN-MOBILE|PHONE)\]",
}


def highlights(op: Op | None, reason: str, text: str, match: str | None = None) -> tuple[Span, ...]:
    """Mark what a text was dropped for, where that can be seen; ``match`` is a stretch that the op itself names."""
    text = text if match else text[:READ]
    if match:
        places = _stretch(text, match)
    elif reason == "bad-words" and op is not None:
        places = _spans(_words(op), text)
    elif found := NGRAM.fullmatch(reason):
        places = _repeated_ngrams(text, int(found[1]))
    elif reason.startswith(("duplicate-line", "duplicate-paragraph")):
        places = _stood_before(text, LINE if "line" in reason else PARAGRAPH)
    elif reason in PATTERNS:
        places = _spans(_compiled(PATTERNS[reason]), text)
    else:
        return ()
    return tuple(Span(start, stop, reason) for start, stop in islice(places, MOST))


def _spans(pattern: re.Pattern[str] | None, text: str) -> Places:
    yield from (match.span() for match in pattern.finditer(text)) if pattern else ()


def _stood_before(text: str, unit: re.Pattern[str]) -> Places:
    seen: set[str] = set()
    for match in unit.finditer(text):
        content = match.group().strip()
        if content and content in seen:
            yield match.span()
        seen.add(content)


def _repeated_ngrams(text: str, n: int) -> Places:
    """Mark the n-grams that come more than once; neighbours are joined. In CJK text n words are 1.5 n characters."""
    words = TOKEN.findall(text)
    if len(IDEOGRAPH.findall(text)) * 2 > len(words):
        n = -int(-n * CJK_PER_WORD // 1)
    grams = list(zip(*(words[i:] for i in range(n)), strict=False))  # the last words begin none
    counts = Counter(grams)
    if len(counts) == len(grams):
        return
    spans = [match.span() for match in TOKEN.finditer(text)]
    start = stop = -1
    for i, gram in enumerate(grams):
        if counts[gram] < 2:
            continue
        first, last = spans[i][0], spans[i + n - 1][1]
        if first <= stop:
            stop = last
            continue
        if stop > 0:
            yield start, stop
        start, stop = first, last
    if stop > 0:
        yield start, stop


def _stretch(text: str, match: str) -> Places:
    """Find a stretch whatever its case, punctuation and white space."""
    words = TOKEN.findall(match)
    pattern = r"[\W_]*".join(re.escape(word) for word in words)
    return _spans(re.compile(pattern, re.IGNORECASE) if words else None, text)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _words(op: Any) -> re.Pattern[str] | None:
    """Put the words of an op's settings and files in one pattern."""
    words = {*getattr(op, "words", ()), *(line for file in getattr(op, "files", ()) for line in file.lines())}
    longest_first = sorted((re.escape(word.strip()) for word in words if word.strip()), key=lambda word: -len(word))
    return re.compile("|".join(longest_first), re.IGNORECASE) if longest_first else None
