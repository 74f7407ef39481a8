"""Where sentences end, by Unicode's terminal punctuation: one rule for all scripts, no model.

A sentence ends behind a terminal mark and the marks and closing quotes that follow it, where white space or the
end comes next; behind a mark of a script without spaces (。！？) it ends at once. A point behind a single capital
("J.") and dots in a row end none.
"""

# ruff: noqa: PLR1714  (a chain of comparisons is what compiles well; a set is not)

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from lmloop.kernels.characters import CJK, classes
from lmloop.kernels.jit import inlined
from lmloop.kernels.text import decode, skip_space

# The property Sentence_Terminal of the Unicode character database (PropList.txt): single points and ranges.
TERMINALS = (
    *(0x21, 0x2E, 0x3F, 0x589, (0x61D, 0x61F), 0x6D4, (0x700, 0x702), 0x7F9, 0x837, 0x839, (0x83D, 0x83E)),
    *((0x964, 0x965), (0x104A, 0x104B), 0x1362, (0x1367, 0x1368), 0x166E, (0x1735, 0x1736), (0x17D4, 0x17D6)),
    *((0x17D9, 0x17DA), 0x1803, 0x1809, (0x1944, 0x1945), (0x1AA8, 0x1AAB), (0x1B5A, 0x1B5B), (0x1B5E, 0x1B5F)),
    *((0x1B7D, 0x1B7E), (0x1C3B, 0x1C3C), (0x1C7E, 0x1C7F), (0x203C, 0x203D), (0x2047, 0x2049), 0x2E2E, 0x2E3C),
    *((0x2E53, 0x2E54), 0x3002, 0xA4FF, (0xA60E, 0xA60F), 0xA6F3, 0xA6F7, (0xA876, 0xA877), (0xA8CE, 0xA8CF)),
    *(0xA92F, (0xA9C8, 0xA9C9), (0xAA5D, 0xAA5F), (0xAAF0, 0xAAF1), 0xABEB, 0xFE52, (0xFE56, 0xFE57), 0xFF01),
    *(0xFF0E, 0xFF1F, 0xFF61, (0x10A56, 0x10A57), (0x10F55, 0x10F59), (0x10F86, 0x10F89), (0x11047, 0x11048)),
    *((0x110BE, 0x110C1), (0x11141, 0x11143), (0x111C5, 0x111C6), 0x111CD, (0x111DE, 0x111DF), (0x11238, 0x11239)),
    *((0x1123B, 0x1123C), 0x112A9, (0x1144B, 0x1144C), (0x115C2, 0x115C3), (0x115C9, 0x115D7), (0x11641, 0x11642)),
    *((0x1173C, 0x1173E), 0x11944, 0x11946, (0x11A42, 0x11A43), (0x11A9B, 0x11A9C), (0x11C41, 0x11C42)),
    *((0x11EF7, 0x11EF8), (0x11F43, 0x11F44), (0x16A6E, 0x16A6F), 0x16AF5, (0x16B37, 0x16B38), 0x16B44, 0x16E98),
    *(0x1BC9F, 0x1DA88),
)
CJK_TERMINALS = "。！？．｡"  # no space follows them
CLOSERS = "\"')]}”’»」』）》】"

NONE, TERMINAL, CJK_TERMINAL, CLOSER, CAPITAL, LETTER = 0, 1, 2, 3, 4, 5


@cache
def terminals() -> npt.NDArray[np.uint8]:
    """Give what each code point means for the ends of sentences: uint8 [0x110000]."""
    table = np.where((classes() >= 2) & (classes() <= CJK), LETTER, NONE).astype(np.uint8)
    for item in TERMINALS:
        low, high = item if isinstance(item, tuple) else (item, item)
        table[low : high + 1] = TERMINAL
    for character in CJK_TERMINALS:
        table[ord(character)] = CJK_TERMINAL
    for character in CLOSERS:
        table[ord(character)] = CLOSER
    table[ord("A") : ord("Z") + 1] = CAPITAL
    table.flags.writeable = False
    return table


@inlined
def sentence_break(data: Any, i: Any, end: Any, terminals: Any) -> Any:
    """Say whether a sentence ends with the mark at ``i``: where it ends and where the next begins, or 0 and 0."""
    lead = data[i]
    if lead < 0xD6 and lead != 33 and lead != 46 and lead != 63:
        return np.int64(0), np.int64(0)
    point, width = decode(data, i, end)
    kind = terminals[point]
    if kind != TERMINAL and kind != CJK_TERMINAL:
        return np.int64(0), np.int64(0)
    if point == 46 and after_initial(data, i, terminals):
        return np.int64(0), np.int64(0)
    dots, j = np.int64(point == 46), i + width
    while j < end:
        following, width = decode(data, j, end)
        if terminals[following] == CLOSER:
            dots = np.int64(0)
        elif terminals[following] == TERMINAL or terminals[following] == CJK_TERMINAL:
            if following == 46 and dots:
                dots += 1
            kind = max(kind, terminals[following])
        else:
            break
        j += width
    if dots > 1:
        return np.int64(0), np.int64(0)
    after = skip_line_space(data, j, end)
    if after == j and j < end and kind != CJK_TERMINAL and data[j] != 10:
        return np.int64(0), np.int64(0)
    return np.int64(j), after


@inlined
def skip_line_space(data: Any, i: Any, end: Any) -> Any:
    """Give the first byte from ``i`` on that is no white space, or lies behind a newline."""
    after = skip_space(data, i, end)
    while i < after:
        if data[i] == 10:
            while i < after and data[i] == 10:
                i += 1
            return np.int64(i)
        i += 1
    return np.int64(after)


@inlined
def after_initial(data: Any, i: Any, terminals: Any) -> Any:
    """Say whether the point at ``i`` or a dot before it belongs to an initial ("J.") or to dots in a row."""
    if i == 0:
        return False
    if data[i - 1] == 46:
        return True
    if not 65 <= data[i - 1] <= 90:
        return False
    return i == 1 or not (65 <= data[i - 2] <= 90 or 97 <= data[i - 2] <= 122 or data[i - 2] >= 0x80)


@inlined
def count_sentences(data: Any, start: Any, end: Any, terminals: Any) -> Any:
    """Count the sentences of a line."""
    count, i, open_ = 0, start, False
    while i < end:
        stop, after = sentence_break(data, i, end, terminals)
        if stop > 0:
            count += open_
            open_ = False
            i = after
            continue
        open_ |= data[i] > 32
        i += 1
    return count + open_
