"""Which documents a tokenizer is trained on: so much of each language or source, drawn by a hash, in any order.

What is common in a corpus takes most of a vocabulary. A share of each group that is proportional to its size to
the power of ``1 / temperature`` gives the rare ones more (Devlin et al. 2019, multilingual BERT, with 1 / 0.7;
Conneau et al. 2020, section 3.1, with 1 / 0.3).

Each document has a place between 0 and 1 by a hash of its id and the seed, and a group's documents are taken up to
the place where its share is reached. So there are two passes, and no reservoir to hold in memory; what is drawn
does not hang on the order in which documents come, and a larger share holds the smaller one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lmloop.core.batch import STATS, Batch, meta_values
from lmloop.core.errors import RecipeError, closest
from lmloop.kernels.scripts import script_shares
from lmloop.kernels.text import Hashes, Integers, text_buffer

LANGUAGE = f"{STATS}language.language"
MOSTLY = 0.3
"""So much of its letters must be of a script for a document without a known language to be called by it."""
BINS = 1 << 14
"""How finely a group can be cut: a share is met but for a 16,384th of the group, or a document."""


@dataclass
class Tally:
    """What the first pass finds: bytes and documents of each group, by the place in the draw."""

    sizes: dict[str, Integers] = field(default_factory=dict)
    documents: dict[str, int] = field(default_factory=dict)

    def add(self, groups: "npt.NDArray[np.object_]", draw: Hashes, sizes: Integers) -> None:
        """Count some documents: their groups, hashes and bytes, one each."""
        places = bins(draw)
        for group in np.unique(groups):
            rows = groups == group
            total = self.sizes.setdefault(group, np.zeros(BINS, np.int64))
            np.add.at(total, places[rows], sizes[rows])
            self.documents[group] = self.documents.get(group, 0) + int(rows.sum())


@dataclass(frozen=True, slots=True)
class Share:
    """What is taken of a group: bytes that there are, that were wanted and that are taken; and up to which bin."""

    group: str
    documents: int
    there: int
    wanted: int
    taken: int
    below: int


def shares(tally: Tally, most: int, quota: Mapping[str, float], temperature: float) -> list[Share]:
    """Say how much to take of each group, in the order of their names, so that all together are at most ``most`` bytes.

    A group with less than its part is taken whole, and the others share what it leaves.

    Raises:
        RecipeError: the quota names a group that there is not.
    """
    names = sorted(tally.sizes)
    unknown = [name for name in quota if name not in tally.sizes]
    if unknown:
        raise RecipeError(f"the quota names {unknown[0]!r}, and no document is of it", hint=closest(unknown[0], names))
    there = np.array([tally.sizes[name].sum() for name in names], np.float64)
    parts = np.array([quota.get(name, 0.0) for name in names]) if quota else there ** (1.0 / temperature)
    wanted = _pour(there, parts, float(most))
    return [_share(name, tally, int(want)) for name, want in zip(names, wanted, strict=True)]


def bins(draw: Hashes) -> "npt.NDArray[np.int64]":
    """Give the bin of each hash."""
    return (draw >> np.uint64(50)).astype(np.int64)


def _pour(there: "npt.NDArray[np.float64]", parts: "npt.NDArray[np.float64]", most: float) -> "npt.NDArray[np.float64]":
    """Divide ``most`` by parts among vessels of limited size."""
    wanted = np.zeros(len(there))
    open_ = parts > 0
    while open_.any():
        left = most - wanted[~open_].sum()
        wanted[open_] = left * parts[open_] / parts[open_].sum()
        full = open_ & (wanted >= there)
        if not full.any():
            break
        wanted[full] = there[full]
        open_ &= ~full
    return np.minimum(np.maximum(wanted, 0), there)


def _share(name: str, tally: Tally, wanted: int) -> Share:
    sizes = tally.sizes[name]
    total = np.cumsum(sizes)
    below = int(np.searchsorted(total, wanted, side="left")) + 1 if wanted > 0 else 0
    below = min(below, BINS)
    taken = int(total[below - 1]) if below else 0
    return Share(name, tally.documents[name], int(total[-1]), wanted, taken, below)


def group_names(batch: Batch, by: str) -> "npt.NDArray[np.object_]":
    """Say which group each row is of: a value of its meta, or its language."""
    found = np.array([None if value is None else str(value) for value in meta_values(batch, by)], object)
    if by == "language" and LANGUAGE in batch.schema.names:
        found = np.array(batch.column(LANGUAGE).to_pylist(), object)
    missing = np.array([not value for value in found], np.bool_)
    if missing.any():
        found[missing] = _by_script(batch)[missing] if by == "language" else "other"
    return found


def _by_script(batch: Batch) -> "npt.NDArray[np.object_]":
    han, cjk = script_shares(text_buffer(batch.column("text")))
    return np.where(han > MOSTLY, "zh", np.where(cjk > MOSTLY, "cjk", "other")).astype(object)
