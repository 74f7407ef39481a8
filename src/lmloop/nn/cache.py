"""Keys and values of what was read, so that writing one token does not read everything again.

Shape letters: B rows, K key heads, T new places, S all places so far, H width of a head.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from lmloop.nn.shape import Shape


@dataclass(slots=True)
class LayerCache:
    """The keys and values of one layer: room for all that will come, and how much of it is used."""

    keys_BKSH: Tensor
    values_BKSH: Tensor
    used: int = 0

    def extend(self, k_BKTH: Tensor, v_BKTH: Tensor) -> tuple[Tensor, Tensor]:
        """Add new places; give all keys and values so far."""
        start, self.used = self.used, self.used + k_BKTH.shape[2]
        self.keys_BKSH[:, :, start : self.used] = k_BKTH
        self.values_BKSH[:, :, start : self.used] = v_BKTH
        return self.keys_BKSH[:, :, : self.used], self.values_BKSH[:, :, : self.used]

    def keep(self, rows: Tensor) -> None:
        """Keep only some rows: those that are not finished."""
        self.keys_BKSH, self.values_BKSH = self.keys_BKSH[rows], self.values_BKSH[rows]


@dataclass(slots=True)
class Cache:
    """The keys and values of all layers."""

    layers: list[LayerCache] = field(default_factory=list)

    @classmethod
    def empty(cls, shape: Shape, rows: int, places: int, like: Tensor) -> "Cache":
        """Make room for so many places, on the device and in the type of ``like``."""
        size = (rows, shape.kv_heads, places, shape.head_width)

        def room() -> Tensor:
            return torch.zeros(size, dtype=like.dtype, device=like.device)

        return cls([LayerCache(room(), room()) for _ in range(shape.layers)])

    def keep(self, rows: Tensor) -> None:
        """Keep only some rows."""
        for layer in self.layers:
            layer.keep(rows)
