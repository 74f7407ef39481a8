"""An operator: a batch in, a batch out, and every dropped row accounted for.

* :class:`Map` changes rows and keeps their number.
* :class:`Filter` judges rows one batch at a time and gives a reason for each that goes.
* :class:`Barrier` must see the whole corpus (deduplication): an engine runs its phases; a :class:`DoubleBarrier`
  looks at what it found once more.
* :class:`Split` makes several rows of one and drops none (chunking).

A filter or a barrier may also rewrite what it keeps (C4's rules drop lines and documents alike); it says so
with ``rewrites``, and gives the rewritten rows in its verdict.

An op works alone, too: call it with a list of strings, a batch or an Arrow table.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, SerializeAsAny

from lmloop.core.batch import SCHEMA, Batch, conform, from_texts, with_stats
from lmloop.core.part import Part, build

DROP_OP, DROP_REASON = "drop.op", "drop.reason"

Codes: TypeAlias = npt.NDArray[np.uint8]
Numbers: TypeAlias = npt.NDArray[np.uint64]

KEY_ORDER = [("key", "ascending"), ("row", "ascending")]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter thinks of a batch.

    ``codes`` is uint8 [rows]: 0 keeps the row, k drops it for the filter's ``reasons[k - 1]``.
    ``stats`` maps a name to an array [rows] that is kept beside the text as ``stats.<op>.<name>``.
    ``changed`` holds all rows as the op would have them go on; dropped rows keep what they were.
    """

    codes: Codes
    stats: Mapping[str, Any] = field(default_factory=dict)
    changed: "Batch | None" = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a batch: the rows kept, and the rows dropped with the columns op and reason."""

    batch: Batch
    dropped: Batch

    @property
    def texts(self) -> list[str]:
        """The texts that were kept."""
        return [text or "" for text in self.batch.column("text").to_pylist()]

    @property
    def reasons(self) -> Counter[str]:
        """How many rows were dropped for each reason."""
        return Counter(self.dropped.column(DROP_REASON).to_pylist())


class Op(Part):
    """What acts on batches. Write a :class:`Map`, a :class:`Filter`, a :class:`Barrier` or a :class:`Split`."""

    def __call__(self, rows: "Batch | pa.Table | Sequence[str]") -> Outcome:
        """Apply the op to texts, a batch or a table, all in memory."""
        if isinstance(rows, pa.RecordBatch | pa.Table):
            return self.apply(conform(rows))
        return self.apply(from_texts(rows))

    @abstractmethod
    def apply(self, batch: Batch) -> Outcome:
        """Apply the op to one batch of the record schema."""


class Map(Op):
    """An op that changes rows and keeps their number and order."""

    @abstractmethod
    def change(self, batch: Batch) -> Batch:
        """Give the changed batch."""

    def apply(self, batch: Batch) -> Outcome:
        """Change every row; drop none."""
        changed = self.change(batch)
        assert changed.num_rows == batch.num_rows, f"{self.name()} is a map: it keeps the number of rows"
        return Outcome(changed, _with_reasons(changed.slice(0, 0), self.name(), []))


class Split(Op):
    """An op that makes one or several rows of each, in order, and drops none.

    Rows made of the row ``id`` are called ``id#0``, ``id#1``, ...; one that stays whole keeps its name.
    """

    @abstractmethod
    def split(self, batch: Batch) -> Batch:
        """Give the rows that are made of a batch."""

    def apply(self, batch: Batch) -> Outcome:
        """Split every row; drop none."""
        made = self.split(batch)
        assert made.num_rows >= batch.num_rows, f"{self.name()} splits rows: it drops none"
        return Outcome(made, _with_reasons(made.slice(0, 0), self.name(), []))


class Filter(Op):
    """An op that drops rows. ``reasons`` lists why it may, in the order of its codes.

    One that also changes what it keeps sets ``rewrites``.
    """

    reasons: ClassVar[tuple[str, ...]]
    rewrites: ClassVar[bool] = False

    @abstractmethod
    def judge(self, batch: Batch) -> Verdict:
        """Give a code a row, and the statistics it was decided by."""

    def apply(self, batch: Batch) -> Outcome:
        """Keep the rows with code 0, and give the others their reason."""
        return divide(batch, self.judge(batch), self)


class Barrier(Op):
    """An op that must see every row before it can judge one.

    An engine calls, in this order: :meth:`map` on each batch; then, with the rows of all batches
    brought together by key, :meth:`reduce` on each part of the key space; :meth:`settle` once over all
    that was found; and :meth:`judge` on each batch again. A row is known by its number, a uint64 that is
    the same in both passes; numbers rise in the order of the corpus, so "the first" is well defined
    for any number of workers. Into how many parts the key space is cut must not matter.
    """

    reasons: ClassVar[tuple[str, ...]]
    rewrites: ClassVar[bool] = False

    @abstractmethod
    def map(self, batch: Batch, numbers: Numbers) -> pa.Table:
        """Key the rows: a table with the columns ``key`` (uint64), ``row`` (uint64) and what reduce needs."""

    @abstractmethod
    def reduce(self, keyed: pa.Table) -> pa.Table:
        """Look at all rows of some keys, ordered by key and row; give what was found."""

    @abstractmethod
    def settle(self, found: Iterable[pa.Table]) -> Iterable[pa.Table]:
        """Turn all that was found into decisions: tables that, one after another, are ordered by their column ``row``.

        ``found`` has a table for each part of the key space, from the lowest keys to the highest, read as one comes
        to it; it can be gone over again.
        """

    @abstractmethod
    def judge(self, batch: Batch, numbers: Numbers, decisions: pa.Table) -> Verdict:
        """Judge a batch by the decisions about its rows."""

    def apply(self, batch: Batch) -> Outcome:
        """Run all phases in memory over one batch."""
        numbers = np.arange(batch.num_rows, dtype=np.uint64)
        return divide(batch, self.judge(batch, numbers, self._decide(batch, numbers)), self)

    def _decide(self, batch: Batch, numbers: Numbers) -> pa.Table:
        keyed = self.map(batch, numbers).sort_by(KEY_ORDER)
        return pa.concat_tables(self.settle([self.reduce(keyed)]))


class DoubleBarrier(Barrier):
    """A barrier whose first decisions are only about where to look: candidates that must be made sure of.

    After :meth:`settle` an engine calls :meth:`map_again` on each batch with its candidates, and with the rows it
    gives brought together by key, :meth:`reduce_again` and :meth:`settle_again`; these are the decisions for ``judge``.
    """

    def makes_sure(self) -> bool:
        """Say whether candidates are looked at again; a setting may leave it out."""
        return True

    @abstractmethod
    def map_again(self, batch: Batch, numbers: Numbers, candidates: pa.Table) -> pa.Table:
        """Key what it takes to be sure of the candidates: a table with the columns ``key``, ``row`` and others."""

    @abstractmethod
    def reduce_again(self, keyed: pa.Table) -> pa.Table:
        """Look at all rows of some keys, ordered by key and row; give what is sure."""

    @abstractmethod
    def settle_again(self, found: Iterable[pa.Table]) -> Iterable[pa.Table]:
        """Turn all that is sure into decisions, as :meth:`settle` does."""

    def _decide(self, batch: Batch, numbers: Numbers) -> pa.Table:
        candidates = super()._decide(batch, numbers)
        if not self.makes_sure():
            return candidates
        keyed = self.map_again(batch, numbers, candidates).sort_by(KEY_ORDER)
        return pa.concat_tables(self.settle_again([self.reduce_again(keyed)]))


def divide(batch: Batch, verdict: Verdict, op: "Filter | Barrier") -> Outcome:
    """Part a batch into what an op keeps and what it drops, statistics and reasons attached."""
    assert op.rewrites or verdict.changed is None, f"{op.name()} changes rows: it must say that it rewrites"
    changed = batch if verdict.changed is None else verdict.changed
    batch, changed = (with_stats(rows, op.name(), verdict.stats) for rows in (batch, changed))
    keep = verdict.codes == 0
    gone = verdict.codes[~keep]
    reasons = [op.reasons[code - 1] for code in gone.tolist()]
    kept = changed if not reasons else changed.filter(pa.array(keep))
    dropped = batch.filter(pa.array(~keep)) if reasons else batch.slice(0, 0)
    return Outcome(kept, _with_reasons(dropped, op.name(), reasons))


def _with_reasons(dropped: Batch, op: str, reasons: list[str]) -> Batch:
    names = pa.array([op] * len(reasons), pa.string())
    return dropped.append_column(DROP_OP, names).append_column(DROP_REASON, pa.array(reasons, pa.string()))


def text_bytes(batch: Batch) -> int:
    """Count the bytes of UTF-8 in the column ``text``."""
    return int(pc.sum(pc.binary_length(batch.column(SCHEMA.get_field_index("text")))).as_py() or 0)


AnyOp = Annotated[SerializeAsAny[Op], BeforeValidator(lambda spec: build("ops", spec))]
"""A setting that holds an op: a recipe names it, or gives a table with ``use``."""
