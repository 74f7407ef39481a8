"""Documents that hold what a model will be tested with."""

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, cast

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, PositiveInt

from lmloop.core.batch import Batch, with_text
from lmloop.core.errors import closest
from lmloop.core.listing import names
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import RECORDS, OutsideRecords, resolve
from lmloop.core.part import build
from lmloop.core.task import Task
from lmloop.kernels.overlap import Index, Spans, all_overlaps, covered_share, make_indexes, units_of
from lmloop.kernels.text import Integers, code_points, text_buffer

BENCHMARKS = "LMLOOP_BENCHMARKS"
"""The variable of the environment that names a folder of benchmarks: a file or folder of records for each name."""

EXCERPT = 400
MATCH = pa.struct([("start", pa.int32()), ("stop", pa.int32()), ("source", pa.string())])


def _known(name: str) -> str:
    """Tell the name of a benchmark from that of a file or folder."""
    if name in names("tasks"):
        return name
    place = resolve(name)
    if place.exists() or "/" in name or "." in name:
        return OutsideRecords.found(name)
    folder = Path(os.environ.get(BENCHMARKS, "benchmarks"))
    for candidate in (name, *(f"{name}{ending}" for ending in RECORDS)):
        if resolve(str(folder / candidate)).exists():
            return OutsideRecords.found(str(folder / candidate))
    there = closest(name, names("tasks"))
    raise ValueError(f"no file, folder or benchmark is called {name!r}, here or in {folder} ({BENCHMARKS}); {there}")


class Decontaminate(Filter):
    """Find documents that share ``n`` words in a row with a benchmark or any other set of records.

    ``against`` lists benchmarks by name (a task, or what bears the name in the folder that LMLOOP_BENCHMARKS names, by
    default ``benchmarks`` beside the recipe), files (JSON Lines, JSON, CSV, Parquet, text), folders of them, and
    folders of finished runs. Every text in a record counts: question, choices, answer. A CJK character counts as a
    word; case, punctuation and white space make no difference. A text of fewer than ``n`` words is looked for whole
    if it has at least ``min_n``; what is shorter, answers above all, is not looked for.

    A document is contaminated of whose words more than ``max_overlap`` are in such n-grams. The ``action`` is to "drop"
    it, to "cut" what is shared out of it (with the marks behind; it goes if nothing else is there), or only to "mark"
    it. All shared spans are kept as statistics, as places in the text and with the record that most of each comes
    from. Every hit is compared as text: none rests on a hash.

    Source: Brown et al. 2020, "Language Models are Few-Shot Learners", appendix C (n-grams of 13 words, any one of
    them; 8 at least for short questions).
    """

    version: ClassVar[int] = 2
    reasons: ClassVar[tuple[str, ...]] = ("contaminated", "nothing-left")
    rewrites: ClassVar[bool] = True

    against: list[Annotated[str, AfterValidator(_known)]]
    n: PositiveInt = 13
    min_n: PositiveInt = 8
    max_overlap: float = 0.0
    action: Literal["drop", "cut", "mark"] = "drop"

    @classmethod
    def example(cls) -> Self:
        """Give one against this file, whose docstring stands in no other text."""
        return cls(against=[__file__])

    def judge(self, batch: Batch) -> Verdict:
        """Find what each document shares with the benchmarks, and act on it."""
        known = _index(tuple(self.against), self.n, self.min_n, _stamps(self.against))
        column = batch.column("text")
        units = units_of(column)
        spans = all_overlaps(units, known.grams)
        share = covered_share(units, spans)
        matches = _matches(column, spans, units.first, known.sources)
        bad = share > self.max_overlap
        texts = column.to_pylist() if matches else []
        best = {row: max(found, key=lambda span: span["stop"] - span["start"]) for row, found in matches.items()}
        rows = range(batch.num_rows)
        cut = [texts[row][best[row]["start"] : best[row]["stop"]][:EXCERPT] if row in best else None for row in rows]
        stats = {
            "overlap": share,
            "match": pa.array(cut, pa.string()),
            "source": pa.array([best[row]["source"] if row in best else None for row in rows], pa.string()),
            "matches": pa.array([matches.get(row) for row in rows], pa.list_(MATCH)),
        }
        if self.action == "drop":
            return Verdict(bad.astype(np.uint8), stats)
        codes = np.zeros(batch.num_rows, np.uint8)
        if self.action == "mark" or not bad.any():
            return Verdict(codes, stats)
        for row in np.flatnonzero(bad).tolist():
            texts[row] = _without(texts[row], matches[row])
            codes[row] = 0 if any(map(str.isalnum, texts[row])) else 2
        return Verdict(codes, stats, with_text(batch, texts))


class _Known(NamedTuple):
    """What is looked for: an index for each length of n-grams, and where each text comes from."""

    grams: tuple[Index, ...]
    sources: list[str]


@lru_cache(maxsize=4)
def _index(against: Sequence[str], n: int, min_n: int, stamps: Sequence[tuple[int, int]]) -> _Known:
    """Index the records; ``stamps`` tell files apart that were edited in between."""
    labelled = [(label, text) for name in against for label, texts in _records(name) for text in texts]
    sources, texts = [label for label, _ in labelled], [text for _, text in labelled]
    return _Known(make_indexes(texts, n, min_n), sources)


def _stamps(against: Sequence[str]) -> tuple[tuple[int, int], ...]:
    files = [path for name in against if isinstance(name, OutsideRecords) for path in name.files()]
    return tuple((path.stat().st_mtime_ns, path.stat().st_size) for path in files)


def _records(name: str) -> Iterator[tuple[str, list[str]]]:
    if isinstance(name, OutsideRecords):
        yield from name.labelled()
        return
    for number, record in enumerate(cast(Task, build("tasks", name)).questions()):
        yield f"{name}:{number}", [record.text, *record.choices, *(turn.text for turn in record.prompt)]


def _matches(column: pa.Array, spans: Spans, first: Integers, sources: list[str]) -> dict[int, list[dict[str, Any]]]:
    """Give the spans of each document that has some, as places in its text, and where they come from."""
    rows, place = np.unique(spans.document, return_inverse=True)
    units = units_of(column.take(pa.array(rows)))
    # lower case has the same characters in number, if not in bytes
    characters = np.cumsum((units.data & 0xC0) != 0x80)
    start = units.first[place] + spans.start - first[spans.document]
    last = start + spans.stop - spans.start - 1
    before = np.concatenate([[0], np.cumsum(code_points(text_buffer(column.take(pa.array(rows)))))])[place]
    begin = characters[units.start[start]] - 1 - before
    end = characters[units.start[last] + units.width[last] - 1] - before
    found: dict[int, list[dict[str, Any]]] = {}
    for row, a, b, source in zip(*(x.tolist() for x in (spans.document, begin, end, spans.source)), strict=True):
        found.setdefault(row, []).append({"start": a, "stop": b, "source": sources[source]})
    return found


def _without(text: str, spans: list[dict[str, Any]]) -> str:
    """Cut spans out, each with the marks and white space up to the next word."""
    kept, place = [], 0
    for span in spans:
        kept.append(text[place : span["start"]])
        place = max(place, span["stop"])
        while place < len(text) and not text[place].isalnum():
            place += 1
    return "".join([*kept, text[place:]])
