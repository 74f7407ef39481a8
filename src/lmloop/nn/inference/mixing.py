"""Attention over one long row of places that belong to many texts.

A mixer is made for one reading of a network and asked once a layer: it keeps the new keys and values where they are
wanted, and lets each place look at what its own text has said so far.

Shape letters: N query heads, K key heads, T places of the long row, R texts in it, L places of the longest of them, S
places that are looked at, P places that all texts share, H width of a head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from lmloop.nn.inference.attending import Found, How, add, causal, look, look_back


class Mixer(Protocol):
    """Does the attention of a reading."""

    def mix(self, layer: int, q_1NTH: Tensor, k_1KTH: Tensor, v_1KTH: Tensor, how: How) -> Tensor:
        """Give what each place finds, (1, N, T, H)."""
        ...


@dataclass(slots=True)
class Path:
    """Keys and values of what was read on the way to a node of the trie, with room for more.

    ``used`` places are filled. Going back up is making ``used`` smaller: what is below is forgotten.
    """

    room: int
    used: int = 0
    layers: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def at(self, layer: int, k_1KTH: Tensor, v_1KTH: Tensor) -> tuple[Tensor, Tensor]:
        """Give the room of a layer, (1, K, room, H) twice."""
        if layer not in self.layers:
            self.layers[layer] = tuple(  # type: ignore[assignment]
                like.new_zeros(1, like.shape[1], self.room, like.shape[3]) for like in (k_1KTH, v_1KTH)
            )
        return self.layers[layer]

    def found(self, layer: int, q_1NTH: Tensor, how: How, places_T: Tensor) -> Found | None:
        """Let all places look at the whole path; None where it is empty."""
        if not self.used:
            return None
        keys, values = self.layers[layer]
        mask_1TS = None
        if how.window is not None and int(places_T.max()) >= how.window:
            seen_S = torch.arange(self.used, device=places_T.device)
            mask_1TS = (places_T[:, None] - seen_S < how.window)[None]
        return look(q_1NTH, keys[:, :, : self.used], values[:, :, : self.used], how, mask_1TS)


@dataclass(slots=True)
class Advance:
    """Read on along a path: one text, whose keys and values are kept on the path."""

    path: Path
    places_T: Tensor

    def mix(self, layer: int, q_1NTH: Tensor, k_1KTH: Tensor, v_1KTH: Tensor, how: How) -> Tensor:
        """Look back over the new places and the path."""
        keys, values = self.path.at(layer, k_1KTH, v_1KTH)
        begin, end = self.path.used, self.path.used + k_1KTH.shape[2]
        keys[:, :, begin:end], values[:, :, begin:end] = k_1KTH, v_1KTH
        own = look_back(q_1NTH, k_1KTH, v_1KTH, how)
        shared = self.path.found(layer, q_1NTH, how, self.places_T)
        return own.mixed_BNTH if shared is None else add(own, shared).mixed_BNTH


@dataclass(frozen=True, slots=True)
class Rows:
    """How the long row falls into texts: the place of each of their tokens, and who looks at whom.

    ``index_RL`` fills up with 0; ``back_T`` finds a place again in the flattened (R, L). ``mask_RLL`` is None where
    each place looks at all before it.
    """

    index_RL: Tensor
    back_T: Tensor
    mask_RLL: Tensor | None

    @classmethod
    def of(cls, lengths: Sequence[int], masks: Sequence[Tensor | None], device: torch.device) -> "Rows":
        """Lay out texts of some lengths; a mask (length, length) where one is no plain sequence."""
        longest, first, back = max(lengths), 0, []
        index_RL = torch.zeros(len(lengths), longest, dtype=torch.long)
        for row, length in enumerate(lengths):
            index_RL[row, :length] = torch.arange(first, first + length)
            back.append(torch.arange(length) + row * longest)
            first += length
        mask_RLL = None
        if any(mask is not None for mask in masks):
            mask_RLL = causal(longest, None, torch.device("cpu")).repeat(len(lengths), 1, 1)
            for row, mask in enumerate(masks):
                if mask is not None:
                    mask_RLL[row, : len(mask), : len(mask)] = mask
            mask_RLL = mask_RLL.to(device)
        return cls(index_RL.to(device), torch.cat(back).to(device), mask_RLL)

    def spread(self, x_1NTH: Tensor) -> Tensor:
        """Give the texts side by side, (R, N, L, H)."""
        return x_1NTH[0].transpose(0, 1)[self.index_RL].transpose(1, 2)

    def gather(self, x_RNLH: Tensor) -> Tensor:
        """Give the long row again, (1, N, T, H)."""
        return x_RNLH.transpose(1, 2).flatten(0, 1)[self.back_T].transpose(0, 1)[None]


@dataclass(slots=True)
class Bundle:
    """Read many texts that all go on where a path ends; ``slots``, where given, keep their keys and values."""

    path: Path
    rows: Rows
    places_T: Tensor
    slots: "Slots | None" = None
    taken: Sequence[int] = ()

    def mix(self, layer: int, q_1NTH: Tensor, k_1KTH: Tensor, v_1KTH: Tensor, how: How) -> Tensor:
        """Look at the path and, in each text, at those of its places that go before."""
        q_RNLH, k_RKLH, v_RKLH = (self.rows.spread(x) for x in (q_1NTH, k_1KTH, v_1KTH))
        if self.slots is not None:
            self.slots.put(layer, self.taken, k_RKLH, v_RKLH)
        if self.rows.mask_RLL is None:
            own = look_back(q_RNLH, k_RKLH, v_RKLH, how)
        else:
            own = look(q_RNLH, k_RKLH, v_RKLH, how, self._near(how))
        own = Found(self.rows.gather(own.mixed_BNTH), self.rows.gather(own.weight_BNT[..., None])[..., 0])
        shared = self.path.found(layer, q_1NTH, how, self.places_T)
        return own.mixed_BNTH if shared is None else add(own, shared).mixed_BNTH

    def _near(self, how: How) -> Tensor | None:
        mask_RLL, index_RL = self.rows.mask_RLL, self.rows.index_RL
        if mask_RLL is None or how.window is None or how.window >= index_RL.shape[1]:
            return mask_RLL
        places_RL = self.places_T[index_RL]
        return mask_RLL & (places_RL[:, :, None] - places_RL[:, None] < how.window)


@dataclass(slots=True)
class Slots:
    """Keys and values of rows that are being written, ``rooms`` places each; a row that is done leaves its slot."""

    count: int
    room: int
    layers: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def at(self, layer: int, like_BKTH: Tensor, values_BKTH: Tensor) -> tuple[Tensor, Tensor]:
        """Give the room of a layer, (count, K, room, H) twice."""
        if layer not in self.layers:
            self.layers[layer] = tuple(  # type: ignore[assignment]
                like.new_zeros(self.count, like.shape[1], self.room, like.shape[3]) for like in (like_BKTH, values_BKTH)
            )
        return self.layers[layer]

    def put(self, layer: int, taken: Sequence[int], k_RKLH: Tensor, v_RKLH: Tensor) -> None:
        """Fill the first places of some slots; what fills up the shorter texts lies where nobody looks yet."""
        keys, values = self.at(layer, k_RKLH, v_RKLH)
        slots = torch.tensor(list(taken), device=k_RKLH.device)
        keys[slots, :, : k_RKLH.shape[2]] = k_RKLH
        values[slots, :, : v_RKLH.shape[2]] = v_RKLH

    def move(self, source: int, target: int) -> None:
        """Let one slot take another's place."""
        for keys, values in self.layers.values():
            keys[target], values[target] = keys[source], values[source]


@dataclass(slots=True)
class Step:
    """Write one token in each of the first T slots.

    Their rows have ``lengths_T`` places by now; with the new one, at most ``longest``. ``shared`` lists paths, with
    the rows that go on where each ends (None: all).
    """

    slots: Slots
    lengths_T: Tensor
    places_T: Tensor
    longest: int
    shared: Sequence[tuple[Path, Tensor | None]]
    _mask_T1S: Tensor | None = None

    def mix(self, layer: int, q_1NTH: Tensor, k_1KTH: Tensor, v_1KTH: Tensor, how: How) -> Tensor:
        """Look at each row's own places and at the path that it shares."""
        keys, values = self.slots.at(layer, k_1KTH, v_1KTH)
        rows = q_1NTH.shape[2]
        all_T = torch.arange(rows, device=q_1NTH.device)
        keys[all_T, :, self.lengths_T] = k_1KTH[0].transpose(0, 1)
        values[all_T, :, self.lengths_T] = v_1KTH[0].transpose(0, 1)
        q_TN1H = q_1NTH[0].transpose(0, 1)[:, :, None]
        own = look(q_TN1H, keys[:rows, :, : self.longest], values[:rows, :, : self.longest], how, self._visible(how))
        found = Found(own.mixed_BNTH.transpose(0, 2), own.weight_BNT.transpose(0, 2))
        for path, chosen_T in self.shared:
            found = self._with(found, path, chosen_T, (layer, q_1NTH, how))
        return found.mixed_BNTH

    def _with(self, found: Found, path: Path, chosen_T: Tensor | None, asked: tuple[int, Tensor, How]) -> Found:
        layer, q_1NTH, how = asked
        if chosen_T is None:
            shared = path.found(layer, q_1NTH, how, self.places_T)
            return found if shared is None else add(found, shared)
        shared = path.found(layer, q_1NTH[:, :, chosen_T], how, self.places_T[chosen_T])
        if shared is None:
            return found
        both = add(Found(found.mixed_BNTH[:, :, chosen_T], found.weight_BNT[:, :, chosen_T]), shared)
        mixed = found.mixed_BNTH.clone()
        mixed[:, :, chosen_T] = both.mixed_BNTH
        return Found(mixed, found.weight_BNT)

    def _visible(self, how: How) -> Tensor:
        if self._mask_T1S is None or how.window is not None:
            seen_S = torch.arange(self.longest, device=self.lengths_T.device)
            self._mask_T1S = (seen_S <= self.lengths_T[:, None])[:, None]
            if how.window is not None:
                self._mask_T1S = self._mask_T1S & (self.lengths_T[:, None] - seen_S < how.window)[:, None]
        return self._mask_T1S
