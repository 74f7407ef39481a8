"""Dialects: the same things under other names, so that what is right in one dialect is wrong in all others.

A row is three tokens: the dialect, a thing, and something that does not matter; what follows is the thing's name in
that dialect. Dialect 0 is the base model's own. A model can tell dialects apart only by the first token, and one set of
weights beside it must hold all of their dictionaries. No torch here.

Shape letters: N rows.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
LENGTH = 3


@dataclass(frozen=True, slots=True)
class Dialects:
    """So many ``things``, each with a name in the base's own dialect and in ``count`` others, drawn from a seed."""

    things: int
    count: int
    seed: int

    @property
    def vocabulary(self) -> int:
        """Count the tokens: things, names, dialects."""
        return 2 * self.things + self.count + 1

    def names(self, repeat: int) -> Ints:
        """Give the name tokens (dialects, things). Dialect 0 is always the same, the others are drawn anew."""
        own = np.random.default_rng(self.seed).permutation(self.things)
        chance = np.random.default_rng([self.seed, repeat, 1])
        others = [chance.permutation(self.things) for _ in range(self.count)]
        return self.things + np.stack([own, *others])

    def rows(self, dialect_N: Ints, thing_N: Ints, chance: np.random.Generator) -> Ints:
        """Give the tokens (N, 3) that ask for a thing's name."""
        other_N = chance.integers(0, self.things, len(thing_N))
        return np.stack([2 * self.things + dialect_N, thing_N, other_N], 1)

    def all_of(self, dialects: Ints, things: Ints) -> tuple[Ints, Ints]:
        """Give every pair of a dialect and a thing, as (N,) and (N,)."""
        return np.repeat(dialects, len(things)), np.tile(things, len(dialects))
