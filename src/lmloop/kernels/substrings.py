"""Spans that stand in a corpus more than once, found exactly and out of core: no suffix array of the whole is needed.

Every span of n units or more that stands twice is made of windows of n units that stand twice. Each window has an
anchor: of its k-grams the one with the least hash, of equals the first (a minimizer: Roberts et al. 2004, "Reducing
storage requirements for biological sequence comparison"; Schleimer, Wilkerson and Aiken 2003, "Winnowing"). It hangs on
what is in the window alone, so equal windows have equal anchors, at the same place in them; and neighbouring windows
share theirs, so there are few. Only windows with an anchor that comes in several documents can stand in several; those
are brought together by anchor and compared byte for byte. Windows that repeat within one document are found there.

A unit is a token of :mod:`lmloop.kernels.words` (white space between units makes no difference) or a code point.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lmloop.kernels.bits import fold, load64
from lmloop.kernels.hashing import GOLDEN, ROOT_3, hash_range, spread
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.overlap import Units, power_of, roll, same_gram
from lmloop.kernels.text import Hashes, Integers, TextBuffer, read_only
from lmloop.kernels.words import segment

SPACE = 32  # stands between two words of a context; no word holds one


class Anchors(NamedTuple):
    """The anchors of a column, in order, one behind the other.

    ``hash`` uint64; ``document``, ``place`` (of its first unit in the document), and ``begin`` and ``end``: the first
    and last window that it anchors and that did not stand earlier in the document, by their first units. int64 each.
    """

    hash: Hashes
    document: Integers
    place: Integers
    begin: Integers
    end: Integers


class Scan(NamedTuple):
    """What is found in documents by themselves: their anchors, and for each unit whether a window that begins with it
    stood earlier in its document (bool [units]; where all copies are to go, whether it stands twice there).
    """

    anchors: Anchors
    repeated: npt.NDArray[np.bool_]


def word_units(buffer: TextBuffer) -> Units:
    """Cut documents into words, CJK characters and marks."""
    tokens = segment(buffer)
    start = tokens.start + np.repeat(buffer.offsets[:-1], np.diff(tokens.first))
    return Units(buffer.data, tokens.hash, np.asarray(start, np.int64), tokens.width.astype(np.int64), tokens.first)


def character_units(buffer: TextBuffer) -> Units:
    """Cut documents into code points."""
    low, high = buffer.offsets[0], buffer.offsets[-1]
    start = np.flatnonzero((buffer.data[low:high] & 0xC0) != 0x80) + low
    width = np.diff(start, append=high)
    hashes = np.empty(len(start), np.uint64)
    _character_hashes(buffer.data, start, width, hashes)
    return Units(buffer.data, spread(hashes), start, width, np.searchsorted(start, buffer.offsets))


def scan(units: Units, n: int, all_copies: bool = False) -> Scan:
    """Find the anchors of the windows of ``n`` units, and what repeats within a document."""
    sizes = np.diff(units.first)
    most, documents = int(sizes.max(initial=0)), len(sizes)
    space = np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(4 * most + 16, np.int64)
    repeated = np.zeros(len(units.start), np.bool_)
    room, done, found = len(units.start) // 8 + most + 16, 0, []
    while done < documents:
        columns = np.empty(room, np.uint64), np.empty((5, room), np.int64)
        done, count = _scan(units, (n, max(1, n // 2), all_copies), done, space, columns, repeated)
        found.append(Anchors(columns[0][:count].copy(), *(column[:count].copy() for column in columns[1][:4])))
    nothing = np.empty(0, np.int64)
    parts = found or [Anchors(np.empty(0, np.uint64), nothing, nothing, nothing, nothing)]
    return Scan(Anchors(*map(np.concatenate, zip(*parts, strict=True))), repeated)


def among(anchors: Anchors, document: Integers, place: Integers) -> Anchors:
    """Choose the anchors that stand at some places of some documents."""
    wanted = np.isin((anchors.document << 32) + anchors.place, (document << 32) + place)
    columns = (column[wanted] for column in (anchors.document, anchors.place, anchors.begin, anchors.end))
    return Anchors(anchors.hash[wanted], *columns)


def contexts(units: Units, anchors: Anchors, n: int, words: bool) -> pa.Array:
    """Write out the units of all windows of each anchor, words with a space between: large binary [anchors]."""
    step = units.width + words
    ends = np.concatenate([[0], np.cumsum(step)])
    first = units.first[anchors.document] + anchors.begin
    last = units.first[anchors.document] + anchors.end + n
    offsets = np.concatenate([[0], np.cumsum(ends[last] - ends[first] - words)]).astype(np.int64)
    data = np.empty(offsets[-1], np.uint8)
    _contexts(units, first, last, words, offsets, data)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(first), buffers)


def met_before(context: TextBuffer, n: int, words: bool, all_copies: bool) -> tuple[npt.NDArray[np.bool_], Integers]:
    """Say of each window of some contexts whether it stands in an earlier one (or, for all copies, in another).

    Gives bool [windows], and where the windows of each context begin there: int64 [contexts + 1].
    """
    first = np.zeros(len(context.offsets), np.int64)
    _count_windows(context, n, words, first)
    windows, most = int(first[-1]), int(np.diff(context.offsets).max(initial=0))
    bounds, units = np.empty((2, windows), np.int64), (np.empty(most + 2, np.int64), np.empty(most + 2, np.uint64))
    slots = np.full(1 << (2 * windows + 15).bit_length(), -1, np.int64)
    seen = np.zeros(windows, np.bool_)
    _meet(context, (n, words, all_copies), first, (*units, bounds, slots), seen)
    return seen, first


def runs(seen: npt.NDArray[np.bool_], first: Integers) -> tuple[Integers, Integers, Integers]:
    """Find runs of windows that were seen: which context each is in, its first window there, how many windows."""
    edge = np.zeros(len(seen) + 1, np.bool_)
    edge[first] = True
    on = np.concatenate([[False], seen, [False]])
    begins = np.flatnonzero(on[1:-1] & (~on[:-2] | edge[:-1]))
    stops = np.flatnonzero(on[1:-1] & (~on[2:] | edge[1:])) + 1
    context = np.searchsorted(first, begins, side="right") - 1
    return context, begins - first[context], stops - begins


def covered_units(
    units: Units, repeated: npt.NDArray[np.bool_], spans: Iterable[Integers], n: int
) -> npt.NDArray[np.bool_]:
    """Say which units lie in a window that goes: bool [units].

    ``repeated`` as in :class:`Scan`; ``spans`` are documents, first windows and numbers of windows.
    """
    document, place, count = spans
    edges = np.zeros(len(units.start) + n + 1, np.int64)
    windows = np.flatnonzero(repeated)
    np.add.at(edges, windows, 1)
    np.add.at(edges, windows + n, -1)
    start = units.first[document] + place
    np.add.at(edges, start, 1)
    np.add.at(edges, start + count + n - 1, -1)
    return np.asarray(np.cumsum(edges[: len(units.start)]) > 0)


def without(buffer: TextBuffer, units: Units, gone: npt.NDArray[np.bool_]) -> TextBuffer:
    """Leave units out of their texts, each with what stands between it and the next."""
    data = np.empty(int(buffer.offsets[-1] - buffer.offsets[0]), np.uint8)
    offsets = np.zeros(len(buffer.offsets), np.int64)
    _without(buffer, units, gone, data, offsets)
    return TextBuffer(read_only(data[: offsets[-1]]), offsets)


@compiled
def _character_hashes(data: Any, start: Any, width: Any, hashes: Any) -> None:
    for k in range(len(hashes)):
        point = np.uint64(0)
        for i in range(start[k], start[k] + width[k]):
            point = (point << np.uint64(8)) | np.uint64(data[i])
        hashes[k] = point


@compiled
def _scan(units: Any, sizes: Any, document: Any, space: Any, columns: Any, repeated: Any) -> Any:
    """Scan from ``document`` on as long as there is room; gives the first one not done, and the number of anchors."""
    n, k, all_copies = sizes
    grams, queue, slots = space
    power, count = power_of(k), 0
    while document < len(units.first) - 1:
        begin, size = units.first[document], units.first[document + 1] - units.first[document]
        if count + size > len(columns[0]):
            break
        if size >= n:
            state = np.uint64(0)
            for i in range(size):
                state = roll(state, units, begin + i, power, k, i >= k)
                if i >= k - 1:
                    grams[i - k + 1] = fold(state ^ GOLDEN, GOLDEN)
            table = columns[1][:, count:]
            anchors = find_anchors(grams, size - k + 1, n - k + 1, queue, table)
            mark_repeated(units, begin, n, (grams, slots), (anchors, table), (repeated, all_copies))
            count += keep_fresh(grams, document, begin, (anchors, table), columns[0][count:], repeated)
        document += 1
    return document, count


@inlined
def find_anchors(grams: Any, count: Any, width: Any, queue: Any, table: Any) -> Any:
    """Slide a window over k-grams; rows 1 to 3 of ``table``: place, first and last window of each anchor."""
    head, tail, anchors = 0, 0, 0
    for i in range(count):
        while tail > head and grams[queue[tail - 1]] > grams[i]:  # of equals, the first stays
            tail -= 1
        queue[tail] = i
        tail += 1
        window = i - width + 1
        if window < 0:
            continue
        while queue[head] < window:
            head += 1
        if anchors == 0 or table[1, anchors - 1] != queue[head]:
            table[1, anchors] = queue[head]
            table[2, anchors] = window
            anchors += 1
        table[3, anchors - 1] = window
    return anchors


@inlined
def mark_repeated(units: Any, begin: Any, n: Any, space: Any, found: Any, out: Any) -> None:
    """Mark the windows of a document that stood earlier in it; anchors of one hash are chained in row 4."""
    grams, slots = space
    anchors, table = found
    repeated, all_copies = out
    size = 16
    while size < 2 * anchors:
        size *= 2
    for slot in range(size):
        slots[slot] = -1
    mask, last = np.uint64(size - 1), np.int64(-1)
    for anchor in range(anchors):
        place = table[1, anchor]
        probe = (grams[place] * GOLDEN >> np.uint64(20)) & mask
        while slots[probe] >= 0 and grams[table[1, slots[probe]]] != grams[place]:
            probe = (probe + np.uint64(1)) & mask
        fresh = False
        for window in range(table[2, anchor], table[3, anchor] + 1):
            match = np.int64(-1)
            if last >= 0 and same_gram(units, begin + last + n, units, begin + window + n - 1, 1):
                match = last + 1  # the window before this one stood there
            else:
                other = slots[probe]
                while other >= 0 and match < 0:
                    there = table[1, other] + window - place
                    if table[2, other] <= there <= table[3, other] and same_gram(
                        units, begin + there, units, begin + window, n
                    ):
                        match = there
                    other = table[4, other]
            last = match
            if match >= 0:
                repeated[begin + window] = True
                if all_copies:
                    repeated[begin + match] = True
            else:
                fresh = True
        if fresh:
            table[4, anchor] = slots[probe]
            slots[probe] = anchor


@inlined
def keep_fresh(grams: Any, document: Any, begin: Any, found: Any, hashes: Any, repeated: Any) -> Any:
    """Keep the anchors of windows that did not stand earlier in the document; gives how many."""
    anchors, table = found
    kept = 0
    for anchor in range(anchors):
        place, first, last = table[1, anchor], table[2, anchor], table[3, anchor]
        while first <= last and repeated[begin + first]:
            first += 1
        while last > first and repeated[begin + last]:
            last -= 1
        if first > last:
            continue
        hashes[kept] = grams[place]
        table[0, kept], table[1, kept], table[2, kept], table[3, kept] = document, place, first, last
        kept += 1
    return kept


@compiled
def _contexts(units: Any, first: Any, last: Any, words: Any, offsets: Any, data: Any) -> None:
    for k in range(len(first)):
        place = offsets[k]
        for unit in range(first[k], last[k]):
            if words and unit > first[k]:
                data[place] = SPACE
                place += 1
            for i in range(units.start[unit], units.start[unit] + units.width[unit]):
                data[place] = units.data[i]
                place += 1


@inlined
def starts_unit(data: Any, i: Any, words: Any) -> Any:
    """Say whether a unit of a context begins at its byte ``i``, which is not the first."""
    return data[i - 1] == SPACE if words else (data[i] & 0xC0) != 0x80


@compiled
def _count_windows(context: Any, n: Any, words: Any, first: Any) -> None:
    for k in range(len(first) - 1):
        units = 1
        for i in range(context.offsets[k] + 1, context.offsets[k + 1]):
            units += starts_unit(context.data, i, words)
        first[k + 1] = first[k] + units - n + 1


@compiled
def _meet(context: Any, how: Any, first: Any, space: Any, seen: Any) -> None:
    n, words, all_copies = how
    starts, hashes, bounds, slots = space
    data, mask, power = context.data, np.uint64(len(slots) - 1), power_of(n)
    for k in range(len(first) - 1):
        units = cut_context(context, k, words, starts, hashes)
        state, match = np.uint64(0), np.int64(-1)
        for unit in range(units):
            state = state * ROOT_3 + hashes[unit] - (hashes[unit - n] * power if unit >= n else np.uint64(0))
            if unit < n - 1:
                continue
            window = first[k] + unit - n + 1
            bounds[0, window], bounds[1, window] = starts[unit - n + 1], starts[unit + 1] - words
            after = match + 1  # stands where the window before stood, if that context goes on
            if match < 0 or bounds[0, after] >= bounds[1, match] or not same_bytes(data, bounds, after, window):
                probe = fold(state ^ GOLDEN, GOLDEN) & mask
                while slots[probe] >= 0 and not same_bytes(data, bounds, slots[probe], window):
                    probe = (probe + np.uint64(1)) & mask
                after = slots[probe]
                if after < 0:
                    slots[probe] = window
            match = after
            if match >= 0:
                seen[window] = True
                if all_copies:
                    seen[match] = True


@inlined
def cut_context(context: Any, k: Any, words: Any, starts: Any, hashes: Any) -> Any:
    """Write where the units of a context begin, and where one behind the last would, with hashes; gives how many."""
    begin, end, units = context.offsets[k], context.offsets[k + 1], 0
    starts[0] = begin
    for i in range(begin + 1, end + 1):
        if i == end or starts_unit(context.data, i, words):
            stop = i if i == end else i - words  # a separator is no part of a unit
            hashes[units] = hash_range(context.data, starts[units], stop)
            units += 1
            starts[units] = i
    starts[units] = end + words
    return units


@inlined
def same_bytes(data: Any, bounds: Any, one: Any, other: Any) -> Any:
    """Compare two windows byte for byte."""
    a, b, size = bounds[0, one], bounds[0, other], bounds[1, one] - bounds[0, one]
    if size != bounds[1, other] - bounds[0, other]:
        return False
    i = 0
    while i + 8 <= size:
        if load64(data, a + i) != load64(data, b + i):
            return False
        i += 8
    while i < size:
        if data[a + i] != data[b + i]:
            return False
        i += 1
    return True


@compiled
def _without(buffer: Any, units: Any, gone: Any, data: Any, offsets: Any) -> None:
    place = np.int64(0)
    for document in range(len(offsets) - 1):
        begin, end = units.first[document], units.first[document + 1]
        i, stop = buffer.offsets[document], buffer.offsets[document + 1]
        for unit in range(begin, end):
            until = units.start[unit + 1] if unit + 1 < end else stop
            if gone[unit]:
                while i < units.start[unit]:  # what stands before the first unit
                    data[place] = buffer.data[i]
                    place += 1
                    i += 1
                i = until
                continue
            while i < until:
                data[place] = buffer.data[i]
                place += 1
                i += 1
        while i < stop:
            data[place] = buffer.data[i]
            place += 1
            i += 1
        offsets[document + 1] = place
