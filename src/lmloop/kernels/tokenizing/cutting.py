r"""The patterns of :mod:`lmloop.kernels.tokenizing.patterns`, and some of other makers, as a compiled loop.

A general engine tries the alternatives of a pattern one after the other at every place; here the class of the first
character tells which one can match. What each alternative means is written beside its branch.
"""

# ruff: noqa: PLR1714  (a chain of comparisons is what compiles well; a set is not)

from typing import Any, NamedTuple

from lmloop.kernels.jit import inlined
from lmloop.kernels.text import decode
from lmloop.kernels.tokenizing.classes import BREAK, HAN, KANA, LETTER, MARK, NUMBER, SPACE, UPPER
from lmloop.kernels.tokenizing.patterns import LONGEST, pattern

GPT4, GPT2, CJK, CODE = range(4)
UNBOUNDED = 1 << 30
INDENT = LONGEST - 2


class Cut(NamedTuple):
    """How text is cut: the kind of pattern, the most digits in a piece, and the most characters in a run."""

    kind: int
    digits: int
    run: int


def known_cuts() -> dict[str, Cut]:
    """Map the regular expressions that are known here to what they do."""
    presets = {"gpt4": GPT4, "gpt2": GPT2, "cjk": CJK, "code": CODE}
    ours = {
        pattern(preset, digits): Cut(kind, digits or LONGEST, LONGEST)  # type: ignore[arg-type]
        for preset, kind in presets.items()
        for digits in range(4)
    }
    return {**ours, **_others()}


def _others() -> dict[str, Cut]:
    """The published patterns: GPT-2, cl100k_base and its heirs (Llama 3, Qwen 2), nanochat."""
    folded = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    symbols, spaces = r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s+(?!\S)|\s+"
    found = {
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": Cut(GPT2, UNBOUNDED, UNBOUNDED)
    }
    for digits, number in ((1, r"\p{N}"), (2, r"\p{N}{1,2}"), (3, r"\p{N}{1,3}")):
        for endings in (folded, r"'(?i:[sdmt]|ll|ve|re)"):
            for breaks in (r"\s*[\r\n]+", r"\s*[\r\n]"):
                words = r"[^\r\n\p{L}\p{N}]?\p{L}+"
                whole = "|".join((endings, words, number, symbols, breaks, spaces))
                found[whole] = Cut(GPT4, digits, UNBOUNDED)
    found[
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
    ] = Cut(GPT4, 2, UNBOUNDED)
    return found


@inlined
def flags_at(data: Any, i: Any, end: Any, classes: Any) -> Any:
    """Give the flags of the character at ``i`` and its width in bytes."""
    lead = data[i]
    if lead < 0x80:
        return classes[lead], 1
    point, width = decode(data, i, end)
    return classes[point], width


@inlined
def skip(data: Any, i: Any, end: Any, classes: Any, flags: Any, most: Any) -> Any:
    """Give the end of the run from ``i`` on of characters that have a wanted flag and no refused one: at most ``most``.

    ``flags`` are those wanted and those refused.
    """
    wanted, refused = flags
    count = 0
    while i < end and count < most:
        found, width = flags_at(data, i, end, classes)
        if not found & wanted or found & refused:
            break
        i += width
        count += 1
    return i


@inlined
def skip_symbols(data: Any, i: Any, end: Any, classes: Any, most: Any) -> Any:
    r"""Give the end of ``[^\s\p{L}\p{N}]{0,most}``."""
    count = 0
    while i < end and count < most:
        flags, width = flags_at(data, i, end, classes)
        if flags & (SPACE | LETTER | NUMBER):
            break
        i += width
        count += 1
    return i


@inlined
def ending(data: Any, i: Any, end: Any, folded: Any) -> Any:
    """Give the end of ``s d m t ll ve re`` at ``i``, behind an apostrophe; ``i`` where there is none."""
    if i >= end:
        return i
    lower = 32 if folded else 0
    first = data[i] | lower
    if first == 115 or first == 100 or first == 109 or first == 116:
        return i + 1
    if folded and i + 1 < end and data[i] == 0xC5 and data[i + 1] == 0xBF:  # the long s folds to s
        return i + 2
    if i + 1 < end:
        second = data[i + 1] | lower
        if (first == 108 and second == 108) or (first == 118 and second == 101) or (first == 114 and second == 101):
            return i + 2
    return i


@inlined
def camel(data: Any, i: Any, end: Any, classes: Any) -> Any:
    r"""Give the end of ``\p{Lu}{0,63}[\p{L}\p{M}&&[^\p{Lu}]]{1,64}|\p{Lu}{1,64}`` at ``i``; ``i`` for no match."""
    j = skip(data, i, end, classes, (UPPER, 0), LONGEST - 1)
    k = skip(data, j, end, classes, (LETTER | MARK, UPPER), LONGEST)
    if k > j:
        return k
    return skip(data, i, end, classes, (UPPER, 0), LONGEST)


@inlined
def word(data: Any, i: Any, end: Any, classes: Any, cut: Any) -> Any:
    r"""Give the end of a word's letters at ``i``, by the kind of the pattern; ``i`` where there is none."""
    if cut.kind == CODE:
        return camel(data, i, end, classes)
    if cut.kind == CJK:
        return skip(data, i, end, classes, (LETTER | MARK, HAN | KANA), cut.run)
    return skip(data, i, end, classes, (LETTER, 0), cut.run)


@inlined
def indent(data: Any, i: Any, end: Any, classes: Any) -> Any:
    r"""Give the end of ``\r?\n[ \t]{0,62}(?=\S)`` at ``i``; ``i`` for no match."""
    j = i + 1 if data[i] == 13 else i
    if j >= end or data[j] != 10:
        return i
    j += 1
    count = 0
    while j < end and count < INDENT and (data[j] == 32 or data[j] == 9):
        j += 1
        count += 1
    if j >= end or flags_at(data, j, end, classes)[0] & SPACE:
        return i
    return j


@inlined
def spaces(data: Any, i: Any, end: Any, classes: Any, cut: Any) -> Any:
    r"""Give the end of ``\s{0,63}[\r\n]|\s{1,64}(?!\S)|\s{1,64}`` at ``i``, at a space; GPT-2's lacks the first."""
    j, last, stop, count = i, i, i, 0
    while j < end and count < cut.run:
        flags, width = flags_at(data, j, end, classes)
        if not flags & SPACE:
            break
        last = j
        j += width
        count += 1
        if flags & BREAK:
            stop = j
    if stop > i and cut.kind != GPT2:
        return stop
    if j >= end or flags_at(data, j, end, classes)[0] & SPACE:
        return j
    return last if count > 1 else j


@inlined
def piece_end(data: Any, i: Any, end: Any, classes: Any, cut: Any) -> Any:
    """Give the end of the piece that begins at ``i`` in a document that ends at ``end``."""
    flags, width = flags_at(data, i, end, classes)
    after = i + width
    if data[i] == 39:  # an apostrophe
        stop = ending(data, after, end, cut.kind != GPT2)
        if stop > after:
            return stop
    if cut.kind == CJK and flags & (HAN | KANA):
        return skip(data, i, end, classes, (HAN if flags & HAN else KANA, 0), cut.run)
    space = data[i] == 32
    glued = space if cut.kind == GPT2 else not flags & (BREAK | LETTER | NUMBER)
    if glued:
        stop = word(data, after, end, classes, cut)
        if stop > after:
            return stop
    stop = word(data, i, end, classes, cut)
    if stop > i:
        return stop
    start = after if space and cut.kind == GPT2 else i
    stop = skip(data, start, end, classes, (NUMBER, 0), cut.digits)
    if stop > start:
        return stop
    start = after if space else i
    stop = skip_symbols(data, start, end, classes, cut.run)
    if stop > start:
        return stop if cut.kind == GPT2 else skip(data, stop, end, classes, (BREAK, 0), cut.run)
    if cut.kind == CODE:
        stop = indent(data, i, end, classes)
        if stop > i:
            return stop
    return spaces(data, i, end, classes, cut)
