"""Rows of tokens: what training reads. Where they come from is the reader's affair, what is done with them the loop's.

Shape letters: B rows, T places of a row.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
else:
    Array: TypeAlias = Any

IGNORED = -100
"""A target that counts for nothing: it is a prompt, another document's first token, or was counted elsewhere."""

NOBODY = -1
"""The document of a place that only fills its row up."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows to train on, all arrays of shape (B, T) and type int64.

    ``targets_BT[b, t]`` is the token that should follow ``tokens_BT[b, t]``, or :data:`IGNORED`.
    ``positions_BT`` count from 0 in each document; ``documents_BT`` number the documents of a row, and no
    place looks at another document than its own; what only fills a row up is of no document, :data:`NOBODY`.
    ``beside`` holds what an objective wants to know beside: arrays of one entry a row, or one a place.
    """

    tokens_BT: Array
    targets_BT: Array
    positions_BT: Array
    documents_BT: Array
    beside: Mapping[str, Array] = field(default_factory=dict)

    @property
    def valid(self) -> int:
        """How much there is to learn: the targets that count or, where ``beside`` has ``units``, their sum."""
        units = self.beside.get("units")
        return int((self.targets_BT != IGNORED).sum() if units is None else units.sum())

    def padded(self, unit: int) -> "Rows":
        """Fill rows of more than ``unit`` places up to a multiple of it, by places that are of no document."""
        length = self.tokens_BT.shape[1]
        more = -length % unit
        if length <= unit or not more:
            return self
        import numpy as np

        def fill(array: Array, value: int = 0) -> Array:
            return np.pad(array, ((0, 0), (0, more)), constant_values=value)

        arrays = (fill(self.tokens_BT), fill(self.targets_BT, IGNORED), fill(self.positions_BT))
        beside = {name: fill(array) if array.ndim > 1 else array for name, array in self.beside.items()}
        return Rows(*arrays, fill(self.documents_BT, NOBODY), beside)

    def part(self, start: int, stop: int) -> "Rows":
        """Some of the rows."""
        cut = slice(start, stop)
        arrays = (self.tokens_BT[cut], self.targets_BT[cut], self.positions_BT[cut], self.documents_BT[cut])
        return Rows(*arrays, {name: array[cut] for name, array in self.beside.items()})


class Batches(Protocol):
    """Where a training gets its rows: a pure function of the step, whatever was asked before."""

    def batch(self, step: int) -> Rows:
        """Give the rows of one optimizer step, for all ranks together."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """Held-out text of one source: its rows, a few at a time, and how many bytes of text their targets stand for."""

    rows: Iterable[Rows]
    bytes: int

    def __iter__(self) -> Iterator[Rows]:
        return iter(self.rows)


HeldOut: TypeAlias = Mapping[str, Held]
