"""Where thresholds could lie: what each drops now, what it would have to be to drop a given share, what is near it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lmloop.core.batch import STATS, Batch
from lmloop.core.bounds import Bools, Bound, Deciders, Floats, bounds, numbers
from lmloop.core.op import DROP_REASON
from lmloop.kernels.scripts import script_shares
from lmloop.kernels.text import text_buffer
from lmloop.stages.curate.origins import names_of
from lmloop.stages.curate.trial import Trial, Tried

SHARES = (0.01, 0.05, 0.1, 0.2)
FENCE = 3.0
"""Tukey's outer fence lies so many interquartile ranges beyond the quartiles (Tukey 1977, section 2D)."""

LEAST_ROWS = 20
NEAR = 3
MUCH = 1 / 3
UNEVEN, UNEVEN_BY = 3.0, 0.05
"""A threshold is called uneven where one group loses so many times the share of another, and so much more."""

CJK, OTHER = "Chinese, Japanese, Korean", "other scripts"


@dataclass(frozen=True, slots=True)
class Near:
    """A row near a threshold: its place in the sample, its value, and whether the op would drop it."""

    place: int
    value: float
    dropped: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """One threshold on the sample.

    ``share`` of the rows lie beyond it; ``at`` gives for each of :data:`SHARES` the value at which so many would.
    Beyond ``fence`` lies what is far from all others, by Tukey's rule (None: nothing does). ``groups`` gives for each
    language, or script, the share that lies beyond the threshold and the values of ``at`` for this group alone.
    """

    bound: Bound
    share: float
    at: tuple[float, ...]
    fence: float | None
    groups: Mapping[str, tuple[float, tuple[float, ...]]]
    near: tuple[Near, ...]

    @property
    def remark(self) -> str:
        """Say what is odd about the threshold, if anything is."""
        shares = sorted((share, name) for name, (share, _) in self.groups.items())
        if len(shares) > 1:
            (low, least), (high, most) = shares[0], shares[-1]
            if high >= max(UNEVEN * low, low + UNEVEN_BY):
                return f"drops {high:.0%} of {most}, {low:.0%} of {least}"
        if not self.share:
            return "drops nothing here"
        return "drops more than a third" if self.share > MUCH else ""


def advise(trial: Trial) -> list[Advice]:
    """Look at every threshold that is in force, in the order of the ops and of their settings."""
    groups = row_groups(trial)
    return [advice for tried in trial.tried for advice in _advise(tried, groups)]


def row_groups(trial: Trial) -> Mapping[str, Bools]:
    """Part the sample by language where an op of the chain recognises it, or else by script; small parts are not."""
    named = _languages(trial)
    if named is None:
        _, cjk = script_shares(text_buffer(trial.batch.column("text")))
        named = [CJK if share >= 0.5 else OTHER for share in cjk.tolist()]
    array = np.array([name or "" for name in named], object)
    found = {name: array == name for name in sorted(set(array.tolist())) if name}
    return {name: rows for name, rows in found.items() if rows.sum() >= LEAST_ROWS}


def _languages(trial: Trial) -> Sequence[str | None] | None:
    for tried in trial.tried:
        if tried.op.name() == "language":
            found = pa.table({"id": _ids(tried), "name": _named(tried)})
            names: list[str | None] = _in_place(trial.batch, found).to_pylist()
            return names
    return None


def _named(tried: Tried) -> pa.ChunkedArray:
    parts = [
        names_of(pa.Table.from_batches([part]), "language") for part in (tried.outcome.batch, tried.outcome.dropped)
    ]
    return pa.chunked_array(parts)


def _ids(tried: Tried) -> pa.ChunkedArray:
    return pa.chunked_array([tried.outcome.batch.column("id"), tried.outcome.dropped.column("id")])


def _in_place(batch: Batch, table: pa.Table) -> pa.ChunkedArray:
    """Bring the column ``name`` of a table into the order of a batch's ids."""
    places = {row: place for place, row in enumerate(table.column("id").to_pylist())}
    return table.column("name").take(pa.array([places.get(row) for row in batch.column("id").to_pylist()], pa.int64()))


def _advise(tried: Tried, groups: Mapping[str, Bools]) -> Iterator[Advice]:
    op, outcome = tried.op.name(), tried.outcome
    if outcome.batch.num_rows + outcome.dropped.num_rows != len(tried.alone):  # it splits rows: none has its statistic
        return
    prefix = f"{STATS}{op}."
    statistics = [name.removeprefix(prefix) for name in outcome.batch.schema.names if name.startswith(prefix)]
    order = _order(tried)
    known = bounds(op, tried.op.spec(), statistics)
    for bound in known:
        values = np.concatenate(
            [numbers(pa.Table.from_batches([part]), bound.column) for part in (outcome.batch, outcome.dropped)]
        )
        values = values[order]
        beyond = bound.crossed(values)
        in_force = not beyond.any() or bool((beyond & tried.alone).any())
        if (beyond & ~tried.alone).any():  # it is not asked of all rows, say not of those read as Chinese
            values[beyond & ~_decided(tried, bound, known)] = np.nan
        if in_force and not np.isnan(values).all():
            yield _advice(bound, values, tried, groups)


def _decided(tried: Tried, bound: Bound, known: Sequence[Bound]) -> Bools:
    """Mark the rows of the sample that were dropped because of this very bound."""
    dropped = pa.Table.from_batches([tried.outcome.dropped])
    deciders = Deciders({bound.op: known})
    deciders.look(dropped)
    mine = [reason for (_, reason), decider in deciders.found().items() if decider == bound]
    marks = np.zeros(len(tried.alone), np.bool_)
    marks[tried.alone] = np.isin(np.array(dropped.column(DROP_REASON).to_pylist(), object), mine)
    return marks


def _order(tried: Tried) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Say where each row of the sample, kept or dropped, stands among the kept and then the dropped rows."""
    order = np.empty(len(tried.alone), np.int64)
    order[~tried.alone] = np.arange(tried.outcome.batch.num_rows)
    order[tried.alone] = tried.outcome.batch.num_rows + np.arange(tried.outcome.dropped.num_rows)
    return order


def _advice(bound: Bound, values: Floats, tried: Tried, groups: Mapping[str, Bools]) -> Advice:
    known = values[~np.isnan(values)]
    parts = {name: part for name, rows in groups.items() if len(part := values[rows & ~np.isnan(values)]) >= LEAST_ROWS}
    return Advice(
        bound=bound,
        share=float(bound.crossed(known).mean()),
        at=_at(bound, known),
        fence=_fence(bound, known),
        groups={name: (float(bound.crossed(part).mean()), _at(bound, part)) for name, part in parts.items()},
        near=tuple(_nearest(bound, values, tried)),
    )


def _at(bound: Bound, values: Floats) -> tuple[float, ...]:
    wanted = [share if bound.low else 1 - share for share in SHARES]
    return tuple(np.quantile(values, wanted).tolist())


def _fence(bound: Bound, values: Floats) -> float | None:
    low, high = np.quantile(values, [0.25, 0.75]).tolist()
    reach = FENCE * (high - low)
    fence = low - reach if bound.low else high + reach
    outside = values.min() < fence if bound.low else values.max() > fence
    return fence if reach and outside else None


def _nearest(bound: Bound, values: Floats, tried: Tried) -> Iterator[Near]:
    """Give the rows nearest to the threshold that were dropped for lying beyond, and those that were not."""
    distance = bound.distance(values)
    for dropped in (True, False):
        side = np.flatnonzero(
            (bound.crossed(values) & tried.alone) if dropped else ~bound.crossed(values) & ~np.isnan(values)
        )
        for place in side[np.argsort(distance[side], kind="stable")][:NEAR].tolist():
            yield Near(place, float(values[place]), dropped)
