"""Learning merges: the most frequent pair of neighbours becomes one token, again and again.

As Sennrich et al. 2016 (section 3.2); of pairs that are equally frequent the one with the lower ids comes first,
and a token that two pairs give has one id, as in the reference library's trainer, so that both learn the same merges.

Each pair knows where it stands, so a merge touches only its own places; pairs wait in a heap by the count they had
when they were put there, and one whose count has changed since is put back (or, if it has grown, stands there again).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.text import Bytes, Hashes, Integers
from lmloop.kernels.tokenizing.heap import Heap, empty_heap, pop, push
from lmloop.kernels.tokenizing.merging import pair_slot
from lmloop.kernels.tokenizing.pieces import Pieces, empty, find, key_of, put
from lmloop.kernels.tokenizing.scripts import Script, is_written_in

u64 = np.uint64
FREE = ~u64(0)
Small = npt.NDArray[np.int32]

DONE, MORE_PAIRS, MORE_NODES, MORE_HEAP = range(4)


class Words(NamedTuple):
    """Sequences of ids that merges are learned from, one behind the other.

    ``ids`` [places] (-1: merged away), the places before and behind in the same word (-1: none) and how often the
    word occurs.
    """

    ids: Small
    before: Small
    behind: Small
    weight: Integers


class Tokens(NamedTuple):
    """The bytes of each id: where they lie in ``pieces.store``; and the id of each piece, by its slot."""

    pieces: Pieces
    place: Integers
    size: Small
    id: Small
    scratch: Bytes
    used: Integers


class Pairs(NamedTuple):
    """Pairs of neighbours, by slot: two ids as one number, a count, the first and last node of its places."""

    keys: Hashes
    counts: Integers
    first: Small
    last: Small
    stamp: Small
    touched: Small
    used: Integers


class Nodes(NamedTuple):
    """Places of pairs, in linked lists."""

    place: Small
    link: Small
    used: Integers


class State(NamedTuple):
    """All that learning works on."""

    words: Words
    tokens: Tokens
    pairs: Pairs
    nodes: Nodes
    heap: Heap


class Learned(NamedTuple):
    """Merges in order: the two ids, and the id that they give; and the bytes of every id, old and new."""

    pairs: "npt.NDArray[np.int64]"
    made: Small
    tokens: list[bytes]


def learn(words: Words, tokens: list[bytes], most: int, least_count: int, script: Script) -> Learned:
    """Learn merges until there are ``most`` tokens more, or no pair occurs ``least_count`` times.

    ``tokens`` are the bytes of the ids that the words hold. With a script, only such tokens are made as occur in
    no text without it.
    """
    state = State(words, _tokens(tokens, most), _pairs(1 << 20), _nodes(2 * len(words.ids) + 64), empty_heap(1 << 16))
    # two pairs may give the same token: then there are more merges than tokens
    merges = np.zeros((2 * most + 64, 3), np.int64)
    progress = np.zeros(2, np.int64)
    status = _count_pairs(state, script)
    while status != DONE:
        state = _larger(state, status)
        status = _count_pairs(state, script)
    state = _fill_heap(state, script, 0)
    goal = len(tokens) + most
    while (status := _learn(state, script, goal, least_count, merges, progress)) != DONE:
        state = _fill_heap(state, script, int(progress[1])) if status == MORE_HEAP else _larger(state, status)
    found = merges[: progress[0]]
    made = [_bytes_of(state.tokens, n) for n in range(int(state.tokens.used[0]))]
    return Learned(found[:, :2], found[:, 2].astype(np.int32), made)


def words_of(ids: "npt.NDArray[np.uint32]", counts: Integers, weights: Integers) -> Words:
    """Make words of sequences: all their ids, how many each has, and how often each occurs."""
    size = len(ids)
    starts = np.cumsum(counts) - counts
    before, behind = np.arange(-1, size - 1, dtype=np.int32), np.arange(1, size + 1, dtype=np.int32)
    before[starts[counts > 0]] = -1
    behind[(starts + counts - 1)[counts > 0]] = -1
    return Words(ids.astype(np.int32), before, behind, np.repeat(weights, counts))


def _tokens(tokens: list[bytes], most: int) -> Tokens:
    room = len(tokens) + most + 1
    longest = max(map(len, tokens))
    slots = 1 << (2 * room + 2).bit_length()
    store = sum(map(len, tokens)) + 64 * most + 4096
    made = Tokens(
        empty(slots, store),
        np.zeros(room, np.int64),
        np.zeros(room, np.int32),
        np.full(slots, -1, np.int32),
        np.zeros(2 * max(longest, 1024) + 64, np.uint8),
        np.zeros(1, np.int64),
    )
    joined = np.frombuffer(b"".join(tokens) or b"\0", np.uint8).copy()
    offsets = np.concatenate([[0], np.cumsum([len(token) for token in tokens])]).astype(np.int64)
    _add_tokens(made, joined, offsets)
    return made


def _pairs(slots: int) -> Pairs:
    return Pairs(
        np.full(slots, FREE),
        np.zeros(slots, np.int64),
        np.full(slots, -1, np.int32),
        np.full(slots, -1, np.int32),
        np.full(slots, -1, np.int32),
        np.zeros(slots, np.int32),
        np.zeros(2, np.int64),
    )


def _nodes(room: int) -> Nodes:
    return Nodes(np.zeros(room, np.int32), np.zeros(room, np.int32), np.zeros(1, np.int64))


def _larger(state: State, status: int) -> State:
    """Give the pairs or the nodes twice the room."""
    if status == MORE_PAIRS:
        pairs = _pairs(2 * len(state.pairs.keys))
        _move_pairs(state.pairs, pairs)
        return state._replace(pairs=pairs)
    nodes = _nodes(2 * len(state.nodes.place))
    nodes.place[: len(state.nodes.place)] = state.nodes.place
    nodes.link[: len(state.nodes.link)] = state.nodes.link
    nodes.used[:] = state.nodes.used
    return state._replace(nodes=nodes)


def _fill_heap(state: State, script: Script, more: int) -> State:
    """Put every pair into a new heap, once; there is room for as many again, and for ``more``."""
    room = 2 * int(state.pairs.used[0]) + more + 4096
    state = state._replace(heap=empty_heap(room))
    _push_all(state, script)
    return state


def _bytes_of(tokens: Tokens, number: int) -> bytes:
    place = tokens.place[number]
    return tokens.pieces.store[place : place + tokens.size[number]].tobytes()


@inlined
def joined(tokens: Any, left: Any, right: Any) -> Any:
    """Write the bytes of two ids, one behind the other, to the scratch; give how many."""
    a, b = tokens.size[left], tokens.size[right]
    for k in range(a):
        tokens.scratch[k] = tokens.pieces.store[tokens.place[left] + k]
    for k in range(b):
        tokens.scratch[a + k] = tokens.pieces.store[tokens.place[right] + k]
    return a + b


@inlined
def token_of(tokens: Any, data: Any, start: Any, stop: Any) -> Any:
    """Give the id of a byte string, a new one if it has none."""
    key = key_of(data, start, stop)
    slot = find(tokens.pieces, data, start, stop, key)
    if tokens.pieces.keys[slot] != 0:
        return tokens.id[slot]
    number = tokens.used[0]
    place = tokens.pieces.used[1]
    if not put(tokens.pieces, slot, data, start, stop, key):
        return np.int32(-1)
    tokens.id[slot], tokens.place[number], tokens.size[number] = number, place, stop - start
    tokens.used[0] += 1
    return np.int32(number)


@inlined
def note(state: Any, left: Any, right: Any, place: Any, weight: Any, stamp: Any) -> None:
    """Count a pair that stands at a place from now on."""
    pairs, nodes = state.pairs, state.nodes
    slot = pair_slot(pairs.keys, left, right)
    if pairs.keys[slot] == FREE:
        pairs.keys[slot] = (u64(left) << u64(32)) | u64(right)
        pairs.used[0] += 1
    pairs.counts[slot] += weight
    node = nodes.used[0]
    nodes.used[0] += 1
    nodes.place[node], nodes.link[node] = place, -1
    if pairs.first[slot] < 0:
        pairs.first[slot] = node
    else:
        nodes.link[pairs.last[slot]] = node
    pairs.last[slot] = node
    if stamp >= 0 and pairs.stamp[slot] != stamp:
        pairs.stamp[slot] = stamp
        pairs.touched[pairs.used[1]] = slot
        pairs.used[1] += 1


@inlined
def allowed(state: Any, script: Any, key: Any) -> Any:
    """Say whether a pair may become a token."""
    if not script.bound:
        return True
    size = joined(state.tokens, np.int64(key >> u64(32)), np.int64(key & u64(0xFFFFFFFF)))
    return is_written_in(state.tokens.scratch, size, script)


@compiled
def _add_tokens(tokens: Any, data: Any, offsets: Any) -> None:
    for k in range(len(offsets) - 1):
        token_of(tokens, data, offsets[k], offsets[k + 1])


@compiled
def _move_pairs(old: Any, new: Any) -> None:
    for k in range(len(old.keys)):
        key = old.keys[k]
        if key != FREE:
            slot = pair_slot(new.keys, key >> u64(32), key & u64(0xFFFFFFFF))
            new.keys[slot], new.counts[slot] = key, old.counts[k]
            new.first[slot], new.last[slot], new.stamp[slot] = old.first[k], old.last[k], old.stamp[k]
    new.used[0] = old.used[0]


@compiled
def _count_pairs(state: Any, script: Any) -> Any:
    """Count every pair of the words. It goes on from where it stopped: a place is noted once."""
    words, pairs = state.words, state.pairs
    start = state.nodes.used[0]  # one node for each pair of places, in order
    seen = 0
    for place in range(len(words.ids)):
        behind = words.behind[place]
        if behind < 0:
            continue
        seen += 1
        if seen <= start:
            continue
        if 2 * pairs.used[0] + 2 > len(pairs.keys):
            return MORE_PAIRS
        note(state, words.ids[place], words.ids[behind], place, words.weight[place], -1)
    return DONE


@compiled
def _push_all(state: Any, script: Any) -> None:
    pairs = state.pairs
    for slot in range(len(pairs.keys)):
        key = pairs.keys[slot]
        if key != FREE and pairs.counts[slot] > 0 and allowed(state, script, key):
            push(state.heap, pairs.counts[slot], key)


@inlined
def merge_place(state: Any, place: Any, left: Any, right: Any, made: Any, stamp: Any) -> None:
    """Merge the pair at a place, and count what its neighbours are now."""
    words, pairs = state.words, state.pairs
    other = words.behind[place]
    weight = words.weight[place]
    before, behind = words.before[place], words.behind[other]
    if before >= 0:
        pairs.counts[pair_slot(pairs.keys, words.ids[before], left)] -= weight
    if behind >= 0:
        pairs.counts[pair_slot(pairs.keys, right, words.ids[behind])] -= weight
        words.before[behind] = place
    words.ids[place], words.ids[other] = made, -1
    words.behind[place] = behind
    if before >= 0:
        note(state, words.ids[before], made, before, weight, stamp)
    if behind >= 0:
        note(state, made, words.ids[behind], place, weight, stamp)


@inlined
def merge_everywhere(state: Any, slot: Any, ids: Any, stamp: Any) -> None:
    """Merge a pair at all of its places; ``ids`` are the left one, the right one and what becomes of them."""
    words, pairs, nodes = state.words, state.pairs, state.nodes
    left, right, made = ids
    pairs.used[1] = 0
    node = pairs.first[slot]
    while node >= 0:
        place = nodes.place[node]
        node = nodes.link[node]
        if left == right:  # in a run of the same token, the leftmost two are merged first
            while words.ids[place] == left and words.before[place] >= 0 and words.ids[words.before[place]] == left:
                place = words.before[place]
        while words.ids[place] == left and words.behind[place] >= 0 and words.ids[words.behind[place]] == right:
            merge_place(state, place, left, right, made, stamp)
            if left != right or words.behind[place] < 0:
                break
            place = words.behind[place]
    pairs.counts[slot] = 0
    pairs.first[slot] = -1


@inlined
def push_touched(state: Any, script: Any) -> None:
    """Put the pairs that a merge has made more frequent into the heap."""
    pairs = state.pairs
    for k in range(pairs.used[1]):
        touched = pairs.touched[k]
        if pairs.counts[touched] > 0 and allowed(state, script, pairs.keys[touched]):
            push(state.heap, pairs.counts[touched], pairs.keys[touched])


@compiled
def _learn(state: Any, script: Any, goal: Any, least: Any, merges: Any, progress: Any) -> Any:
    tokens, pairs, nodes, heap = state.tokens, state.pairs, state.nodes, state.heap
    while tokens.used[0] < goal and heap.used[0] > 0 and progress[0] < len(merges):
        count, key = heap.counts[0], heap.keys[0]
        left, right = np.int64(key >> u64(32)), np.int64(key & u64(0xFFFFFFFF))
        slot = pair_slot(pairs.keys, left, right)
        if pairs.counts[slot] != count:
            pop(heap)
            if 0 < pairs.counts[slot] < count:
                push(heap, pairs.counts[slot], key)
            continue
        if count < least:
            break
        places, node = 0, pairs.first[slot]
        while node >= 0:
            places += 1
            node = nodes.link[node]
        if 2 * (pairs.used[0] + 2 * places) > len(pairs.keys):
            return MORE_PAIRS
        if nodes.used[0] + 2 * places > len(nodes.place):
            return MORE_NODES
        if heap.used[0] + 2 * places > len(heap.counts):
            progress[1] = 2 * places
            return MORE_HEAP
        pop(heap)
        size = joined(tokens, left, right)
        made = token_of(tokens, tokens.scratch, 0, size)
        if made < 0:
            break
        merges[progress[0], 0], merges[progress[0], 1], merges[progress[0], 2] = left, right, made
        merge_everywhere(state, slot, (left, right, made), progress[0])
        push_touched(state, script)
        progress[0] += 1
    return DONE
