"""Bounds: which setting of an op cuts which of its statistics, and which bound a reason stands for.

An op that drops rows by a statistic ``x`` calls the setting ``min_x`` (lower values go) or ``max_x`` (higher values
go), or just ``x`` for the highest value allowed. That is a convention, and what it gives is checked against the rows:
a bound counts as what decided for a reason only where every row dropped for that reason lies beyond it.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import STATS
from lmloop.core.op import DROP_OP, DROP_REASON

BESIDE = re.compile(r"(?P<stem>.+)_[0-9a-f]{12}")
"""How a run card names a part from a file beside the recipe: by its file's stem and a digest."""

WORD_START = 4
"""Words count as the same that begin alike: "ellipses" and "ellipsis", "paragraphs" and "paragraph"."""

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bound:
    """A setting that cuts a statistic: values below it go where it is ``low``, values above it otherwise."""

    op: str
    statistic: str
    setting: str
    value: float
    low: bool

    @property
    def column(self) -> str:
        """The column that holds the statistic."""
        return f"{STATS}{self.op}.{self.statistic}"

    @property
    def label(self) -> str:
        """The bound in a few letters: ``min 50``."""
        return f"{'min' if self.low else 'max'} {self.value:g}"

    def crossed(self, values: Floats) -> Bools:
        """Say of each value whether it lies beyond; one that is not known does not."""
        return values < self.value if self.low else values > self.value

    def distance(self, values: Floats) -> Floats:
        """Say how far each value lies from the bound, as a share of it (of 1 where the bound is 0)."""
        return np.abs(values - self.value) / (abs(self.value) or 1.0)


def bounds(op: str, settings: Mapping[str, Any], statistics: Collection[str]) -> list[Bound]:
    """List the bounds that an op's settings set to its statistics, in the order of the settings."""
    found = []
    for setting, value in settings.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        for prefix in ("min_", "max_", ""):
            statistic = setting.removeprefix(prefix)
            if setting.startswith(prefix) and statistic in statistics:
                found.append(Bound(op, statistic, setting, float(value), prefix == "min_"))
                break
    return found


def bounds_of(ops: Iterable[Mapping[str, Any]], columns: Collection[str]) -> dict[str, list[Bound]]:
    """List the bounds of a chain by op; ``ops`` as a run card or :meth:`Part.spec` gives them."""
    found: dict[str, list[Bound]] = {}
    for settings in ops:
        name = op_name(str(settings["use"]))
        prefix = f"{STATS}{name}."
        statistics = [column.removeprefix(prefix) for column in columns if column.startswith(prefix)]
        found.setdefault(name, bounds(name, settings, statistics))
    return found


def op_name(use: str) -> str:
    """Give the name that an op's drops and statistics go by, from what a card or a spec calls it."""
    if use.partition("#")[0].endswith(".py"):
        use = use.partition("#")[0].rpartition("/")[2].removesuffix(".py")
    match = BESIDE.fullmatch(use)
    return (match["stem"] if match else use).replace("_", "-")


class Deciders:
    """Finds out which bound each reason stands for, from the rows that were dropped.

    Of the bounds that all rows of a reason cross, it is the one whose name is most like the reason's; of several such,
    the first.
    """

    def __init__(self, known: Mapping[str, Sequence[Bound]]) -> None:
        self.known = known
        self.rows: Counter[tuple[str, str]] = Counter()
        self.beyond: Counter[tuple[str, str, str]] = Counter()

    def look(self, dropped: pa.Table) -> None:
        """Take some dropped rows into account."""
        for op, reason, mine in by_reason(dropped):
            self.rows[op, reason] += mine.num_rows
            for bound in self.known.get(op, ()):
                if bound.column in mine.schema.names:
                    self.beyond[op, reason, bound.setting] += int(bound.crossed(numbers(mine, bound.column)).sum())

    def found(self) -> dict[tuple[str, str], Bound]:
        """Give the bound of each op and reason that has one."""
        return {(op, reason): bound for op, reason in self.rows if (bound := self._decider(op, reason))}

    def _decider(self, op: str, reason: str) -> Bound | None:
        rows = self.rows[op, reason]
        able = [bound for bound in self.known.get(op, ()) if self.beyond[op, reason, bound.setting] == rows]
        return max(able, key=lambda bound: _likeness(reason, bound), default=None)


def by_reason(dropped: pa.Table) -> Iterable[tuple[str, str, pa.Table]]:
    """Part dropped rows by op and reason, in the order of their names."""
    pairs = dropped.select([DROP_OP, DROP_REASON]).group_by([DROP_OP, DROP_REASON]).aggregate([])
    for op, reason in sorted((row[DROP_OP], row[DROP_REASON]) for row in pairs.to_pylist()):
        mine = pc.and_(pc.equal(dropped.column(DROP_OP), op), pc.equal(dropped.column(DROP_REASON), reason))
        yield op, reason, dropped.filter(mine)


def numbers(table: pa.Table, column: str) -> Floats:
    """Read a column as numbers; what is not known is NaN."""
    values: Floats = pc.cast(table.column(column), pa.float64()).to_numpy().astype(np.float64)
    return values


def _likeness(reason: str, bound: Bound) -> float:
    mine, its = _words(reason), _words(f"{bound.setting.replace('_', '-')}-{bound.statistic}")
    return len(mine & its) / len(mine | its)


def _words(name: str) -> set[str]:
    alike = {"few": "min", "short": "min", "low": "min", "little": "min", "many": "max", "long": "max", "high": "max"}
    parts = re.split(r"[-_]", name)
    return {word for part in parts for word in (part[:WORD_START], alike.get(part, "")) if word}
