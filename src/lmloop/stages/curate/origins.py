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


def groupings(out: Path) -> list[Grouping]:
    """Group the rows of a curation in every way that tells more than one group apart."""
    found = [grouping for by in (*PATTERNS, "language") if (grouping := _grouping(out, by)) is not None]
    return [grouping for grouping in found if len(grouping.names) > 1]


def names_of(table: pa.Table, by: str) -> pa.Array:
    """Give each row's name: its source, say; null where it has none."""
    if by == "language":
        found = table.column(LANGUAGE) if LANGUAGE in table.schema.names else pa.nulls(table.num_rows, pa.string())
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return pc.struct_field(pc.extract_regex(table.column("meta"), PATTERNS[by]), "name").combine_chunks()


def _grouping(out: Path, by: str) -> Grouping | None:
    counts: Counter[str | None] = Counter()
    for folder in (DATA, DROPPED):
        for names in _names(out / folder, by):
            counts.update({row["values"]: row["counts"] for row in pc.value_counts(names).to_pylist()})
    known = {name: count for name, count in counts.items() if name}
    if not known:
        return None
    groups = brought_together(known)
    groups[None], groups[""] = UNKNOWN, UNKNOWN
    sizes: Counter[str] = Counter()
    for name, count in counts.items():
        sizes[groups[name]] += count
    order = sorted(sizes, key=lambda name: (name in (UNKNOWN, OTHERS), -sizes[name], name))
    places = {name: order.index(groups[name]) for name in counts}
    codes = {folder: tuple(_codes(names, places) for names in _names(out / folder, by)) for folder in (DATA, DROPPED)}
    return Grouping(by, tuple(order), codes)


def _names(folder: Path, by: str) -> Iterator[pa.Array]:
    for table in read_columns(folder, ["meta", LANGUAGE]):
        yield names_of(table, by)


def _codes(names: pa.Array, places: Mapping[str | None, int]) -> Codes:
    coded = names.dictionary_encode()
    known = np.array([places[name] for name in coded.dictionary.to_pylist()] + [places.get(None, 0)], np.int32)
    codes: Codes = known[pc.fill_null(coded.indices, len(known) - 1).to_numpy(zero_copy_only=False)]
    return codes


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
