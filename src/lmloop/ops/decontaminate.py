"""Documents that hold what a model will be tested with."""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, ClassVar, NamedTuple, Self, cast

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, PositiveInt

from lmloop.core.batch import Batch
from lmloop.core.errors import closest
from lmloop.core.listing import names
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import OutsideFile
from lmloop.core.part import build
from lmloop.core.record import Record
from lmloop.core.task import Task
from lmloop.kernels.overlap import Index, Overlaps, Units, make_index, overlaps, units_of

EXCERPT = 400


def _known(name: str) -> str:
    """Tell a file from the name of a benchmark."""
    if name in names("tasks"):
        return name
    if "." not in name and "/" not in name:
        raise ValueError(f"there is neither a file nor a benchmark {name!r}; {closest(name, names('tasks'))}")
    return OutsideFile.found(name)


class Decontaminate(Filter):
    """Drop documents that share ``n`` words in a row with a benchmark or any other set of records.

    ``against`` lists files (JSON Lines, JSON, CSV, Parquet, text; every text in a record counts: question, choices and
    answer) and benchmarks by name. A CJK character counts as a word; case, punctuation and white space make no
    difference. A document goes of whose words more than ``max_overlap`` are in such n-grams. Every hit is compared as
    text: none rests on a hash. The longest match of each document and where it comes from are kept as statistics. What
    has fewer than ``n`` words, short answers above all, is not looked for.

    Source: Brown et al. 2020, "Language Models are Few-Shot Learners", appendix C (n-grams of 13 words, any one of
    them).
    """

    reasons: ClassVar[tuple[str, ...]] = ("contaminated",)

    against: list[Annotated[str, AfterValidator(_known)]]
    n: PositiveInt = 13
    max_overlap: float = 0.0

    @classmethod
    def example(cls) -> Self:
        """Give one against this file, whose docstring stands in no other text."""
        return cls(against=[__file__])

    def judge(self, batch: Batch) -> Verdict:
        """Find what each document shares with the benchmarks."""
        known = _index(tuple(self.against), self.n)
        units = units_of(batch.column("text"))
        found = overlaps(units, known.grams)
        stats = {
            "overlap": found.share,
            "grams": found.grams,
            "match": pa.array(_matches(units, found), pa.string()),
            "source": pa.array([known.sources[k] if k >= 0 else None for k in found.source.tolist()], pa.string()),
        }
        return Verdict((found.share > self.max_overlap).astype(np.uint8), stats)


class _Known(NamedTuple):
    """What is looked for: an index of texts, and where each comes from."""

    grams: Index
    sources: list[str]


@cache
def _index(against: Sequence[str], n: int) -> _Known:
    texts: list[str] = []
    sources: list[str] = []
    for name in against:
        records = name.records() if isinstance(name, OutsideFile) else map(_texts, _questions(name))
        label = name.path.name if isinstance(name, OutsideFile) else name
        for number, record in enumerate(records):
            texts += record
            sources += [f"{label}:{number}"] * len(record)
    return _Known(make_index(texts, n), sources)


def _questions(name: str) -> list[Record]:
    return list(cast(Task, build("tasks", name)).questions())


def _texts(record: Record) -> list[str]:
    return [record.text, *record.choices, *(turn.text for turn in record.prompt)]


def _matches(units: Units, found: Overlaps) -> list[str | None]:
    """Give the longest shared stretch of each document, in lower case."""
    matches: list[str | None] = []
    for grams, start, stop in zip(*(column.tolist() for column in (found.grams, found.start, found.stop)), strict=True):
        if not grams:
            matches.append(None)
            continue
        data = units.data[units.start[start] : units.start[stop - 1] + units.width[stop - 1]]
        matches.append(bytes(data).decode("utf-8", "replace")[:EXCERPT])
    return matches
