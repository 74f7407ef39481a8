"""What a model said before it was tuned, kept for a while: several adapters that are tuned at once ask for the same.

Shape letters: B rows, T places.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor

PARTS = 128
"""So many parts of a batch are kept: those of a step, and of what is held out."""


class Recalled:
    """Log-probabilities (B, T) by the rows that they are of; those that were not asked for longest are forgotten."""

    def __init__(self, parts: int = PARTS) -> None:
        self.parts = parts
        self.found = 0
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()

    def of(self, rows: tuple[Tensor, ...], work: Callable[[], Tensor]) -> Tensor:
        """Give what is kept of some rows, or do the work and keep it."""
        key = hashlib.blake2b(digest_size=16)
        for tensor in rows:
            key.update(str(tuple(tensor.shape)).encode())
            key.update(tensor.cpu().numpy().tobytes())
        name = key.digest()
        if name in self._kept:
            self.found += 1
        else:
            self._kept[name] = work()
        self._kept.move_to_end(name)
        if len(self._kept) > self.parts:
            self._kept.popitem(last=False)
        return self._kept[name]
