"""How statistics are spread, before and after: one histogram for each that a threshold cuts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lmloop.core.batch import STATS
from lmloop.core.engine.chain import DROPPED
from lmloop.core.engine.shards import DATA, read_columns
from lmloop.core.op import Filter, Op
from lmloop.report import blocks

BINS = 40
SAMPLE = 200_000
MOST_PER_OP = 6

Floats: TypeAlias = npt.NDArray[np.float64]


def histograms(out: Path, ops: Sequence[Op]) -> list[blocks.Block]:
    """Draw the statistics that thresholds cut, those that cut most first, a few for each filter."""
    found: list[blocks.Block] = []
    for op in ops:
        if not isinstance(op, Filter):
            continue
        marked = {name: marks for name in _statistics(out, op) if (marks := _thresholds(op, name))}
        drawn = [_histogram(out, op.name(), name, marks) for name, marks in marked.items()]
        drawn.sort(key=lambda pair: -pair[0])
        found += [histogram for cut, histogram in drawn[:MOST_PER_OP] if cut]
    return found


def _statistics(out: Path, op: Op) -> list[str]:
    prefix = f"{STATS}{op.name()}."
    for table in read_columns(out / DATA, None):
        return [name.removeprefix(prefix) for name in table.schema.names if name.startswith(prefix)]
    return []


def _thresholds(op: Op, statistic: str) -> tuple[blocks.Threshold, ...]:
    """Find the settings that bound a statistic: ``min_words``, ``max_words`` or, as an upper bound, ``words``."""
    named = {f"min_{statistic}": "min", f"max_{statistic}": "max", statistic: "max"}
    settings = op.spec()
    return tuple(
        blocks.Threshold(float(settings[name]), f"{label} {settings[name]:g}")
        for name, label in named.items()
        if isinstance(settings.get(name), int | float)
    )


def _histogram(out: Path, op: str, name: str, marks: tuple[blocks.Threshold, ...]) -> tuple[int, blocks.Histogram]:
    column = f"{STATS}{op}.{name}"
    edges, log = _edges(out, column, marks)
    kept = _counts(_values(out / DATA, column), edges)
    before = kept + _counts(_values(out / DROPPED, column), edges)
    histogram = blocks.Histogram(
        title=f"{op}: {name.replace('_', ' ')}",
        edges=tuple(edges.tolist()),
        series=(
            blocks.Series("before", tuple(before.tolist())),
            blocks.Series("after", tuple(kept.tolist())),
        ),
        x_name=name.replace("_", " "),
        x_log=log,
        thresholds=marks,
    )
    return _cut(out, column, marks), histogram


def _edges(out: Path, column: str, marks: Sequence[blocks.Threshold]) -> tuple[Floats, bool]:
    """Choose bins that show the middle 99 % of the values and the thresholds that lie near them."""
    parts, size = [], 0
    for folder in (out / DATA, out / DROPPED):
        for values in _values(folder, column):
            parts.append(values)
            size += len(values)
            if size > SAMPLE:
                break
    sample = np.concatenate(parts) if parts else np.zeros(1)
    low, high = np.quantile(sample, [0.005, 0.995]) if len(sample) else (0.0, 1.0)
    near = [mark.value for mark in marks if mark.value <= 4 * high + 1e-9]
    low, high = min(low, *near, high), max(high, *near, low)
    log = high > 100 and high > 30 * max(float(np.median(sample)), 1.0) / 3
    if log:
        return np.geomspace(max(low, 1.0), max(high, 2.0), BINS + 1), True
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1), False


def _counts(values: Iterator[Floats], edges: Floats) -> npt.NDArray[np.int64]:
    total = np.zeros(len(edges) - 1, np.int64)
    for part in values:  # what lies outside goes to the outermost bins
        total += np.histogram(np.clip(part, edges[0], edges[-1]), edges)[0]
    return total


def _cut(out: Path, column: str, marks: Sequence[blocks.Threshold]) -> int:
    """Count the rows beyond a threshold."""
    beyond = 0
    for values in _values(out / DROPPED, column):
        for mark in marks:
            over = values < mark.value if mark.label.startswith("min") else values > mark.value
            beyond += int(over.sum())
    return beyond


def _values(folder: Path, column: str) -> Iterator[Floats]:
    for table in read_columns(folder, [column]):
        if column in table.schema.names:
            values: Any = table.column(column).drop_null().to_numpy()
            yield values.astype(np.float64)
