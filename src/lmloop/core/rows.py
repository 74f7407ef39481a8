"""Rows of tokens: what training reads. Where they come from is the reader's affair, what is done with them the loop's.

Shape letters: B rows, T places of a row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
else:
    Array: TypeAlias = Any

IGNORED = -100
"""A target that counts for nothing: it is a prompt, another document's first token, or was counted elsewhere."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows to train on, all arrays of shape (B, T) and type int64.

    ``targets_BT[b, t]`` is the token that should follow ``tokens_BT[b, t]``, or :data:`IGNORED`.
    ``positions_BT`` count from 0 in each document; ``documents_BT`` number the documents of a row, and no
    place looks at another document than its own.
    """

    tokens_BT: Array
    targets_BT: Array
    positions_BT: Array
    documents_BT: Array

    @property
    def valid(self) -> int:
        """How many targets count."""
        return int((self.targets_BT != IGNORED).sum())

    def part(self, start: int, stop: int) -> "Rows":
        """Some of the rows."""
        cut = slice(start, stop)
        return Rows(self.tokens_BT[cut], self.targets_BT[cut], self.positions_BT[cut], self.documents_BT[cut])


class Batches(Protocol):
    """Where a training gets its rows: a pure function of the step, whatever was asked before."""

    def batch(self, step: int) -> Rows:
        """Give the rows of one optimizer step, for all ranks together."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """Held-out text of one source: its rows, a few at a time, and how many bytes of text their targets stand for."""

    rows: tuple[Rows, ...]
    bytes: int

    def __iter__(self) -> Iterator[Rows]:
        return iter(self.rows)


HeldOut: TypeAlias = Mapping[str, Held]
