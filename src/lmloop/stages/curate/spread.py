"""How statistics are spread, before and after: one histogram for each that a bound cuts, whole and by group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.bounds import Bools, Bound, Floats, bounds_of, numbers
from lmloop.core.engine.shards import DATA, DROPPED, list_columns, read_columns
from lmloop.core.op import DROP_OP, Op
from lmloop.report import blocks
from lmloop.stages.curate.origins import Codes, Grouping

BINS = 40
SAMPLE = 200_000
MOST_PER_OP = 6
MOST_SLICES = 12

Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(slots=True)
class _Look:
    """A first look at a statistic: some values, and how many rows its own op dropped beyond its bounds.

    Rows beyond a bound that is not in force were kept by that op, so that they do not count.
    """

    bounds: tuple[Bound, ...]
    cut: int = 0
    size: int = 0
    parts: list[Floats] = field(default_factory=list)

    def take(self, values: Floats, mine: Bools) -> None:
        self.cut += int(sum(bound.crossed(values[mine]).sum() for bound in self.bounds))
        if self.size < SAMPLE:
            self.parts.append(values[~np.isnan(values)])
            self.size += len(self.parts[-1])

    def edges(self) -> tuple[Floats, bool]:
        return edges_for(np.concatenate(self.parts) if self.parts else np.zeros(0), self.bounds)


class _Tally:
    """The counts of a statistic: int64 [kept or dropped, groups, bins] for each grouping; and the rows beyond."""

    def __init__(self, look: _Look, groupings: Sequence[Grouping]) -> None:
        self.bounds = look.bounds
        self.edges, self.log = look.edges()
        self.groupings = groupings
        self.whole = np.zeros((2, BINS), np.int64)
        self.counts = [np.zeros((2, len(grouping.names), BINS), np.int64) for grouping in groupings]
        self.beyond = [np.zeros(len(grouping.names)) for grouping in groupings]

    def take(self, folder: str, place: int, values: Floats) -> None:
        known = ~np.isnan(values)
        values, side = values[known], int(folder == DROPPED)
        self.whole[side] += counted(values, np.zeros(len(values), np.int32), self.edges, 1)[0]
        crossed = np.logical_or.reduce([bound.crossed(values) for bound in self.bounds])
        for k, grouping in enumerate(self.groupings):
            codes = grouping.codes[folder][place][known]
            self.counts[k][side] += counted(values, codes, self.edges, len(grouping.names))
            self.beyond[k] += np.bincount(codes, crossed, len(grouping.names))

    def histogram(self) -> blocks.Histogram:
        bound = self.bounds[0]
        words = bound.statistic.replace("_", " ")
        before, after = self.whole.sum(axis=0), self.whole[0]
        splits = (self._split(k) for k in range(len(self.groupings)))
        return blocks.Histogram(
            title=f"{bound.op}: {words}",
            edges=tuple(self.edges.tolist()),
            series=(blocks.Series("before", tuple(before.tolist())), blocks.Series("after", tuple(after.tolist()))),
            x_name=words,
            x_log=self.log,
            thresholds=tuple(blocks.Threshold(bound.value, bound.label) for bound in self.bounds),
            splits=tuple(split for split in splits if split.slices),
        )

    def _split(self, k: int) -> blocks.Split:
        grouping, counts = self.groupings[k], self.counts[k]
        rows = counts.sum(axis=(0, 2))
        slices = tuple(
            blocks.Slice(
                grouping.names[g],
                (tuple(counts[:, g].sum(axis=0).tolist()), tuple(counts[0, g].tolist())),
                float(self.beyond[k][g] / rows[g]),
            )
            for g in np.argsort(-rows, kind="stable")[:MOST_SLICES].tolist()
            if rows[g]
        )
        return blocks.Split(grouping.by, slices if len(slices) > 1 else ())


def histograms(out: Path, ops: Sequence[Op], groupings: Sequence[Grouping] = ()) -> list[blocks.Block]:
    """Draw the statistics that bounds cut, those that cut most first, a few for each op. Reads the rows twice."""
    known = bounds_of([op.spec() for op in ops], list_columns(out / DATA))
    looks = {bound.column: _Look(()) for found in known.values() for bound in found}
    for found in known.values():
        for bound in found:
            looks[bound.column].bounds += (bound,)
    for folder, _, table in _tables(out, [DROP_OP, *looks]):
        for column in set(looks) & set(table.schema.names):
            looks[column].take(numbers(table, column), _own(folder, table, looks[column].bounds[0].op))
    tallies = {}
    for op in known:
        mine = [column for column, look in looks.items() if look.bounds[0].op == op and look.cut]
        mine.sort(key=lambda column: -looks[column].cut)
        tallies.update({column: _Tally(looks[column], groupings) for column in mine[:MOST_PER_OP]})
    for folder, place, table in _tables(out, ["id", *tallies]):
        for column in set(tallies) & set(table.schema.names):
            tallies[column].take(folder, place, numbers(table, column))
    return [tally.histogram() for tally in tallies.values()]


def _tables(out: Path, columns: list[str]) -> Iterator[tuple[str, int, pa.Table]]:
    for folder in (DATA, DROPPED):
        for place, table in enumerate(read_columns(out / folder, columns)):
            yield folder, place, table


def _own(folder: str, table: pa.Table, op: str) -> Bools:
    """Mark the rows that an op dropped."""
    if folder == DATA:
        return np.zeros(table.num_rows, np.bool_)
    marks: Bools = pc.equal(table.column(DROP_OP), op).to_numpy()
    return marks


def edges_for(sample: Floats, known: Sequence[Bound]) -> tuple[Floats, bool]:
    """Choose the edges of bins for a sample of values, and whether they are on a logarithmic scale."""
    low, high = np.quantile(sample, [0.005, 0.995]) if len(sample) else (0.0, 1.0)
    near = [bound.value for bound in known if bound.value <= 4 * high + 1e-9]
    low, high = min(low, *near, high), max(high, *near, low)
    middle = float(np.median(sample)) if len(sample) else 0.0
    log = high > 100 and high > 30 * max(middle, 1.0) / 3
    if log:
        return np.geomspace(max(low, 1.0), max(high, 2.0), BINS + 1), True
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1), False


def counted(values: Floats, codes: Codes, edges: Floats, count: int) -> Counts:
    """Count values by group and bin; what lies outside goes to the outermost bins."""
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    found: Counts = np.bincount(codes.astype(np.int64) * BINS + place, minlength=count * BINS).reshape(count, BINS)
    return found
