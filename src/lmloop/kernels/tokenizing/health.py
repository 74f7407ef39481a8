"""Tokens that a model has hardly learned, found from its weights alone.

A row of the output embedding whose token is never the answer is only ever pushed away, always along with the other
such rows: they end up beside each other. So the distance of a row to the mean of rows that are known to be unused
tells how much it was trained (Land and Bartolo 2024, "Fishing for Magikarp", section 3.1). Where input and output do
not share their weights, an input row that never came up and is decayed is short, which is a second sign.

The paper takes a principal component away first; its authors' code has both and puts the plain cosine distance first,
as is done here. A known unused row is measured against the mean of the others, and not of itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmloop.core.errors import DataError
from lmloop.kernels.text import Integers
from lmloop.kernels.tokenizing.rows import Matrix, TokenRows

NEVER = frozenset(bytes([byte]) for byte in (0xC0, 0xC1, *range(0xF5, 0x100)))
"""Bytes that no text in UTF-8 has: their tokens were never trained, whatever the data."""
FEWEST = 3
REACH = 2.0
"""What lies up to so many times as far off as the farthest unused row counts as like them."""


@dataclass(frozen=True, slots=True)
class Health:
    """How much each row was trained: the more, the farther off. ``distance`` is None where no row is known unused.

    ``distance`` is the cosine distance to the unused rows' mean, ``length`` that of the input row (None where tied).
    ``limit`` is up to where a row is like them.
    """

    distance: Matrix | None
    length: Matrix | None
    unused: Integers
    limit: float

    @property
    def signs(self) -> Matrix:
        """What rows are ordered by: the distance where it is known, else the length."""
        found = self.distance if self.distance is not None else self.length
        assert found is not None, "a health has one of the two"
        return found

    @property
    def like_unused(self) -> Integers:
        """The ids that lie as close to the unused ones as these do among themselves, closest first, without them."""
        if self.distance is None:
            return np.empty(0, np.int64)
        close = np.nonzero(self.distance <= self.limit)[0]
        close = np.setdiff1d(close, self.unused)
        return close[np.argsort(self.distance[close], kind="stable")]


def health(rows: TokenRows, unused: Sequence[int]) -> Health:
    """Measure all rows of a model.

    Raises:
        DataError: input and output are one, and too few rows are known to be unused.
    """
    known = np.array(sorted(set(unused)), np.int64)
    length = None if rows.tied else np.linalg.norm(rows.input, axis=1)
    if len(known) < FEWEST:
        if length is None:
            told = f"{len(known)} tokens are known to be unused; {FEWEST} or more are needed to compare with"
            raise DataError(told, hint="name ids that the model never saw: unused = [...]")
        return Health(None, length, known, 0.0)
    distance = _distances(rows.output, known)
    return Health(distance, length, known, REACH * float(distance[known].max()))


def known_unused(tokens: Sequence[bytes | None], rows: int) -> list[int]:
    """List the ids that no text can give: bytes that are not in UTF-8, and rows that no token has."""
    return [n for n, token in enumerate(tokens) if token in NEVER] + list(range(len(tokens), rows))


def _distances(rows: Matrix, unused: Integers) -> Matrix:
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    mean = rows[unused].mean(axis=0)
    found = 1 - unit @ _unit(mean)
    others = (mean * len(unused) - rows[unused]) / (len(unused) - 1)
    for place, other in zip(unused, others, strict=True):
        found[place] = 1 - unit[place] @ _unit(other)
    return np.asarray(found, np.float32)


def _unit(vector: Matrix) -> Matrix:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)
