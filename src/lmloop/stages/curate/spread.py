"""How statistics are spread, before and after: one histogram for each that a bound cuts, whole and by group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from lmloop.core.batch import STATS
from lmloop.core.bounds import Bools, Bound, Floats, bounds, numbers
from lmloop.core.engine.shards import DATA, DROPPED, list_columns, read_columns
from lmloop.core.op import DROP_OP, Op
from lmloop.report import blocks
from lmloop.stages.curate.origins import Codes, Grouping

BINS = 40
SAMPLE = 200_000
MOST_PER_OP = 6
MOST_SLICES = 12

Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Bins:
    """The bins of a statistic, and the bounds that cut it."""

    column: str
    edges: Floats
    log: bool
    bounds: tuple[Bound, ...]

    def beyond(self, values: Floats) -> Bools:
        found: Bools = np.logical_or.reduce([bound.crossed(values) for bound in self.bounds], axis=0)
        return found


def histograms(out: Path, ops: Sequence[Op], groupings: Sequence[Grouping] = ()) -> list[blocks.Block]:
    """Draw the statistics that bounds cut, those that cut most first, a few for each op."""
    found: list[blocks.Block] = []
    columns = list_columns(out / DATA)
    for op in ops:
        prefix = f"{STATS}{op.name()}."
        statistics = [name.removeprefix(prefix) for name in columns if name.startswith(prefix)]
        known = bounds(op.name(), op.spec(), statistics)
        cuts = {name: _cut(out, [bound for bound in known if bound.statistic == name]) for name in statistics}
        most = sorted((name for name in cuts if cuts[name]), key=lambda name: -cuts[name])[:MOST_PER_OP]
        for name in most:
            mine = tuple(bound for bound in known if bound.statistic == name)
            found.append(_histogram(out, op.name(), name, mine, groupings))
    return found


def _cut(out: Path, known: Sequence[Bound]) -> int:
    """Count the rows beyond a bound that the bound's own op dropped: those of a bound that is not in force it kept."""
    beyond = 0
    for table in read_columns(out / DROPPED, [DROP_OP, known[0].column]) if known else ():
        if known[0].column in table.schema.names:
            mine = numbers(table.filter(pc.equal(table.column(DROP_OP), known[0].op)), known[0].column)
            beyond += int(sum(bound.crossed(mine).sum() for bound in known))
    return beyond


def _histogram(
    out: Path, op: str, name: str, known: tuple[Bound, ...], groupings: Sequence[Grouping]
) -> blocks.Histogram:
    column = f"{STATS}{op}.{name}"
    bins = _Bins(column, *_edges(out, column, known), known)
    kept = _counts(out, DATA, bins, None, 1)[0]
    before = kept + _counts(out, DROPPED, bins, None, 1)[0]
    series = (blocks.Series("before", tuple(before.tolist())), blocks.Series("after", tuple(kept.tolist())))
    words = name.replace("_", " ")
    return blocks.Histogram(
        title=f"{op}: {words}",
        edges=tuple(bins.edges.tolist()),
        series=series,
        x_name=words,
        x_log=bins.log,
        thresholds=tuple(blocks.Threshold(bound.value, bound.label) for bound in known),
        splits=tuple(split for grouping in groupings if (split := _split(out, bins, grouping)).slices),
    )


def _split(out: Path, bins: _Bins, grouping: Grouping) -> blocks.Split:
    count = len(grouping.names)
    kept = _counts(out, DATA, bins, grouping, count)
    before = kept + _counts(out, DROPPED, bins, grouping, count)
    beyond = np.zeros(count)
    for folder in (DATA, DROPPED):
        for values, codes in _values(out, folder, bins.column, grouping):
            beyond += np.bincount(codes, bins.beyond(values), count)
    rows = before.sum(axis=1)
    slices = tuple(
        blocks.Slice(
            grouping.names[k], (tuple(before[k].tolist()), tuple(kept[k].tolist())), float(beyond[k] / rows[k])
        )
        for k in np.argsort(-rows, kind="stable")[:MOST_SLICES].tolist()
        if rows[k]
    )
    return blocks.Split(grouping.by, slices if len(slices) > 1 else ())


def _edges(out: Path, column: str, known: Sequence[Bound]) -> tuple[Floats, bool]:
    """Choose bins that show the middle 99 % of the values and the bounds that lie near them."""
    parts, size = [], 0
    for folder in (DATA, DROPPED):
        for values, _ in _values(out, folder, column, None):
            parts.append(values)
            size += len(values)
            if size > SAMPLE:
                break
    return edges_for(np.concatenate(parts) if parts else np.zeros(0), known)


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


def _counts(out: Path, folder: str, bins: _Bins, grouping: Grouping | None, count: int) -> Counts:
    """Count values by group and bin: int64 [count, bins]."""
    total = np.zeros((count, BINS), np.int64)
    for values, codes in _values(out, folder, bins.column, grouping):
        total += counted(values, codes, bins.edges, count)
    return total


def counted(values: Floats, codes: Codes, edges: Floats, count: int) -> Counts:
    """Count values by group and bin; what lies outside goes to the outermost bins."""
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    found: Counts = np.bincount(codes.astype(np.int64) * BINS + place, minlength=count * BINS).reshape(count, BINS)
    return found


def _values(out: Path, folder: str, column: str, grouping: Grouping | None) -> Iterator[tuple[Floats, Codes]]:
    """Stream the values that are known, each with its row's group (all 0 without a grouping)."""
    for place, table in enumerate(read_columns(out / folder, ["id", column])):
        if column in table.schema.names:
            values = numbers(table, column)
            codes = grouping.codes[folder][place] if grouping else np.zeros(len(values), np.int32)
            known = ~np.isnan(values)
            yield values[known], codes[known]
