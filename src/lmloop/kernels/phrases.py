"""Short lists of phrases, found in bytes without regard to the case of ASCII letters."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.jit import inlined
from lmloop.kernels.text import Bytes, Integers, read_only


class Phrases(NamedTuple):
    """Phrases in lower case, ordered by their first byte.

    Phrase ``k`` is ``pool[starts[k]:starts[k + 1]]`` and belongs to the groups whose bits are set in ``group[k]``
    (uint64); those that begin with byte ``b`` are ``first[b]`` to ``first[b + 1]``, int64 [257].
    """

    pool: Bytes
    starts: Integers
    group: npt.NDArray[np.uint64]
    first: Integers


def make_phrases(groups: Mapping[int, Sequence[str]]) -> Phrases:
    """Make the table from the phrases of each group; the key is the group's bit, 0 to 63."""
    pairs = sorted((phrase.lower().encode(), 1 << bit) for bit, group in groups.items() for phrase in group)
    assert all(phrase for phrase, _ in pairs), "a phrase must not be empty"
    heads = np.array([phrase[0] for phrase, _ in pairs], np.int64)
    return Phrases(
        pool=read_only(np.frombuffer(b"".join(phrase for phrase, _ in pairs), np.uint8)),
        starts=np.cumsum([0, *(len(phrase) for phrase, _ in pairs)]).astype(np.int64),
        group=np.array([group for _, group in pairs], np.uint64),
        first=np.searchsorted(heads, np.arange(257)).astype(np.int64),
    )


@inlined
def lower(byte: Any) -> Any:
    """Give an ASCII capital as its small letter, and any other byte as it is."""
    return byte + 32 if 65 <= byte <= 90 else byte


@inlined
def matches(data: Any, i: Any, phrases: Any, k: Any) -> Any:
    """Say whether phrase ``k`` stands at ``i``; the caller sees to it that so many bytes are there."""
    begin = phrases.starts[k]
    for j in range(phrases.starts[k + 1] - begin):  # noqa: SIM110  (generators do not compile)
        if lower(data[i + j]) != phrases.pool[begin + j]:
            return False
    return True


@inlined
def find_groups(data: Any, start: Any, end: Any, phrases: Any) -> Any:
    """Give the bits of all groups of which a phrase stands in ``data[start:end]``."""
    found = np.uint64(0)
    for i in range(start, end):
        head = lower(data[i])
        for k in range(phrases.first[head], phrases.first[head + 1]):
            if i + phrases.starts[k + 1] - phrases.starts[k] <= end and matches(data, i, phrases, k):
                found |= phrases.group[k]
    return found
