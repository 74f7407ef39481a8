"""Where rows come from: each row's source, site, kind and language, in few enough groups to look at."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.engine.shards import DATA, DROPPED, read_columns

FEW = 24
"""So many names are shown as they are; of more, those are brought together that have a folder in common."""

LANGUAGE = "stats.language.language"
PATTERNS = {
    "source": r'"source":"(?P<name>(?:[^"\\]|\\.)*?)(?::\d+)?"',
    "site": r'"url":"(?:https?://)?(?:www\.)?(?P<name>[^/"?#]+)',
    "kind": r'"kind":"(?P<name>[^"]+)"',
}
KEYS = {by: pattern[: pattern.index(":") + 1] for by, pattern in PATTERNS.items()}
FOLDER = "folder"
UNKNOWN = "not known"
OTHERS = "others"

Codes: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Rows by group: the groups' ``names``, the most rows first, and of each table of a folder its rows' places in it.

    Tables come as :func:`read_columns` gives them.
    """

    by: str
    names: tuple[str, ...]
    codes: Mapping[str, tuple[Codes, ...]]


class _Labels:
    """What rows are called, in one way of calling them: each row by the place of its name among all names."""

    def __init__(self) -> None:
        self.places: dict[str | None, int] = {None: 0}
        self.codes: dict[str, list[Codes]] = {DATA: [], DROPPED: []}

    def add(self, folder: str, labels: pa.Array) -> None:
        """Take in the rows of a table."""
        coded = labels.dictionary_encode()
        known = [self.places.setdefault(name, len(self.places)) for name in coded.dictionary.to_pylist()]
        places = np.array([*known, 0], np.int32)
        self.codes[folder].append(places[pc.fill_null(coded.indices, len(known)).to_numpy(zero_copy_only=False)])

    def grouping(self, by: str) -> Grouping | None:
        """Bring the names together to groups; None where no row has a name."""
        parts = [*self.codes[DATA], *self.codes[DROPPED]]
        counts = sum(
            (np.bincount(codes, minlength=len(self.places)) for codes in parts), np.zeros(len(self.places), int)
        )
        known = {name: int(counts[place]) for name, place in self.places.items() if name}
        if not known:
            return None
        groups = brought_together(known)
        sizes: Counter[str] = Counter()
        for name, place in self.places.items():
            sizes[groups.get(name, UNKNOWN)] += int(counts[place])
        sizes = +sizes
        order = sorted(sizes, key=lambda name: (name in (UNKNOWN, OTHERS), -sizes[name], name))
        at = {name: place for place, name in enumerate(order)}
        target = np.array([at.get(groups.get(name, UNKNOWN), 0) for name in self.places], np.int32)
        return Grouping(
            by, tuple(order), {folder: tuple(target[codes] for codes in found) for folder, found in self.codes.items()}
        )


def groupings(out: Path) -> list[Grouping]:
    """Group the rows of a curation in every way that tells more than one group apart."""
    labels = {by: _Labels() for by in ("source", FOLDER, "site", "kind", "language")}
    for folder in (DATA, DROPPED):
        for table in read_columns(out / folder, ["meta", LANGUAGE]):
            for by in [*labels]:
                labels[by].add(folder, _folders(table) if by == FOLDER else names_of(table, by))
            if "source" in labels and len(labels["source"].places) > FEW + 1:
                del labels["source"]  # so many names are of no use: their folders are
    if "source" in labels:
        del labels[FOLDER]
    found = [each for by, rows in labels.items() if (each := rows.grouping("source" if by == FOLDER else by))]
    return [grouping for grouping in found if len(grouping.names) > 1]


def names_of(table: pa.Table, by: str) -> pa.Array:
    """Give each row's name: its source, say; null where it has none."""
    if by == "language":
        found = table.column(LANGUAGE) if LANGUAGE in table.schema.names else pa.nulls(table.num_rows, pa.string())
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    meta = table.column("meta")
    if not pc.any(pc.match_substring(meta, KEYS[by])).as_py():  # looking for a key is much faster than for a pattern
        return pa.nulls(table.num_rows, pa.string())
    return pc.struct_field(pc.extract_regex(meta, PATTERNS[by]), "name").combine_chunks()


def _folders(table: pa.Table) -> pa.Array:
    return pc.replace_substring_regex(names_of(table, "source"), "[^/]+$", "")


def brought_together(counts: Mapping[str, int]) -> dict[Any, str]:
    """Give the group of each name: itself where there are few, or the nearest folder with enough rows in it."""
    if len(counts) <= FEW:
        return {name: name for name in counts}
    enough = sum(counts.values()) / FEW
    sizes: Counter[str] = Counter()
    for name, count in counts.items():
        for prefix in _prefixes(name):
            sizes[prefix] += count
    large = {prefix for prefix, count in sizes.items() if count >= enough}
    return {name: next((prefix for prefix in _prefixes(name) if prefix in large), OTHERS) for name in counts}


def _prefixes(name: str) -> Iterator[str]:
    """Give a name, and then the folders that it is in, the nearest first."""
    yield name
    while "/" in name.rstrip("/"):
        name = name.rstrip("/").rpartition("/")[0] + "/"
        yield name
