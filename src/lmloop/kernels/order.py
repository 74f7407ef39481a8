"""Order without a memory: which window comes when is a function of the seed and a number, and so is the mixture.

Nothing has to be shuffled, kept or restored: a training that goes on at a step reads what it would have read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

ROUNDS = 6
"""Four rounds of a Feistel network over a random function look random (Luby and Rackoff 1988); two more are cheap."""

Places: TypeAlias = npt.NDArray[np.int64]
Curve: TypeAlias = Sequence[tuple[float, float]]
"""A weight over the progress of a training: points (progress from 0 to 1, weight), straight lines between them."""


def shuffled(places: Places, size: int, name: str) -> Places:
    """Give the images of some places under the permutation of ``range(size)`` that has this name.

    A Feistel network over the next power of four; what falls outside walks on until it is inside (Black and
    Rogaway 2002, "Ciphers with arbitrary finite domains", section 4: cycle walking).
    """
    bits = max(1, (max(size - 1, 1).bit_length() + 1) // 2)
    keys = np.frombuffer(hashlib.blake2b(name.encode(), digest_size=8 * ROUNDS).digest(), "<u8")
    found = _feistel(places.astype(np.uint64), bits, keys)
    outside = found >= size
    while outside.any():
        found[outside] = _feistel(found[outside], bits, keys)
        outside = found >= size
    return found.astype(np.int64)


def _feistel(places: npt.NDArray[np.uint64], bits: int, keys: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    mask = np.uint64((1 << bits) - 1)
    left, right = places >> np.uint64(bits), places & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ key) & mask)
    return (left << np.uint64(bits)) | right


def _mixed(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread every bit over all: the finaliser of splitmix64 (Steele, Lea and Flood 2014, section 3)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class Mixture:
    """How many rows of each source every step takes: weights that may change with progress, met to within a row.

    ``weights`` give each source its curve; ``rows`` is the size of a step, ``steps`` the length of the training. Behind
    its end the last weights hold on.
    """

    weights: Mapping[str, Curve]
    rows: int
    steps: int

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The sources, in order of their names."""
        return tuple(sorted(self.weights))

    @cached_property
    def taken(self) -> Places:
        """How many rows of each source were taken before a step: [steps + 1, sources]."""
        shares = self._shares()
        counts = np.zeros((self.steps + 1, len(self.sources)), np.int64)
        owed = np.zeros(len(self.sources))
        for step in range(self.steps):
            owed += self.rows * shares[step]
            whole = np.maximum(np.floor(owed), 0).astype(np.int64)
            short = self.rows - int(whole.sum())
            # what is short goes to those that are owed most; what is too much (a source ended) comes from the least
            for _ in range(abs(short)):
                pick = np.argmax(owed - whole) if short > 0 else np.argmin(np.where(whole > 0, owed - whole, np.inf))
                whole[pick] += 1 if short > 0 else -1
            owed -= whole
            counts[step + 1] = whole
        return np.cumsum(counts, axis=0)

    def before(self, step: int) -> Places:
        """How many rows of each source were taken before a step, which may lie behind the end."""
        last = self.taken[-1] - self.taken[-2]
        found: Places = self.taken[min(step, self.steps)] + max(0, step - self.steps) * last
        return found

    def _shares(self) -> npt.NDArray[np.float64]:
        progress = (np.arange(self.steps) + 0.5) / max(self.steps, 1)
        columns = [
            np.interp(progress, [x for x, _ in self.weights[name]], [y for _, y in self.weights[name]])
            for name in self.sources
        ]
        table = np.stack(columns, axis=1)
        shares: npt.NDArray[np.float64] = table / table.sum(axis=1, keepdims=True)
        return shares
