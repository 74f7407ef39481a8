"""Documents that hold what a model will be tested with."""

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, PositiveInt

from lmloop.core.batch import Batch, with_text
from lmloop.core.errors import closest
from lmloop.core.listing import names
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import RECORDS, OutsideRecords, resolve
from lmloop.core.part import build
from lmloop.core.task import Task
from lmloop.kernels.overlap import Index, Spans, all_overlaps, covered_share, make_indexes, units_of
from lmloop.kernels.text import Floats, Integers, code_points, text_buffer

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
    if it has at least ``min_n``, thirteen CJK characters taken for eight; what is shorter, answers above all, is not
    looked for.

    A record is contaminated of whose words more than ``max_overlap`` are in such n-grams: of its text, and of its turns
    and choices where it has some. The ``action`` is to "drop" it, to "cut" what is shared out of its text (with the
    marks behind; it goes if nothing else is there, or if turns or choices share any), or only to "mark" it. All shared
    spans of the text are kept as statistics, as places in it and with the record that most of each comes from. Every
    hit is compared as text: none rests on a hash.

    Source: Brown et al. 2020, "Language Models are Few-Shot Learners", appendix C (n-grams of 13 words, any one of
    them; 8 at least for short questions).
    """

    version: ClassVar[int] = 3
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
        around = _Around(batch, known)
        share = around.joined(covered_share(units, spans), np.diff(units.first))
        matches = _matches(column, spans, units.first, known.sources)
        bad = share > self.max_overlap
        texts = column.to_pylist() if matches else []
        best = around.best | {row: _longest(texts[row], found) for row, found in matches.items()}
        told = [best.get(row, (None, None)) for row in range(batch.num_rows)]
        stats = {
            "overlap": share,
            "match": pa.array([match for match, _ in told], pa.string()),
            "source": pa.array([source for _, source in told], pa.string()),
            "matches": pa.array([matches.get(row) for row in range(batch.num_rows)], pa.list_(MATCH)),
        }
        codes = np.zeros(batch.num_rows, np.uint8)
        if self.action == "drop":
            return Verdict(bad.astype(np.uint8), stats)
        if self.action == "mark" or not bad.any():
            return Verdict(codes, stats)
        codes[list(around.best)] = bad[list(around.best)]
        for row in np.flatnonzero(bad & (codes == 0)).tolist():
            texts[row] = _without(texts[row], matches[row])
            codes[row] = 0 if any(map(str.isalnum, texts[row])) else 2
        return Verdict(codes, stats, with_text(batch, texts) if texts else None)


class _Around:
    """What stands around the texts of a batch, turns and choices, and what of it is shared.

    ``best`` gives of each row with a hit there the longest span and where it comes from.
    """

    def __init__(self, batch: Batch, known: "_Known") -> None:
        parts = [_each(batch.column("prompt"), "text"), _each(batch.column("choices"))]
        self.rows = np.concatenate([rows for rows, _ in parts])
        texts = pa.concat_arrays([texts for _, texts in parts])
        self.best: dict[int, tuple[str, str]] = {}
        self.units = units_of(texts)
        spans = all_overlaps(self.units, known.grams)
        self.covered = covered_share(self.units, spans) * np.diff(self.units.first)
        for place, found in _matches(texts, spans, self.units.first, known.sources).items():
            one = _longest(texts[place].as_py(), found)
            row = int(self.rows[place])
            self.best[row] = max(one, self.best.get(row, one), key=lambda each: len(each[0]))

    def joined(self, share: Floats, sizes: Integers) -> Floats:
        """Give the share of shared words of whole records, from that of their texts and how many words these have."""
        if not len(self.rows):
            return share
        size = sizes + np.bincount(self.rows, np.diff(self.units.first), len(share))
        covered = share * sizes + np.bincount(self.rows, self.covered, len(share))
        return np.where(np.bincount(self.rows, minlength=len(share)) > 0, covered / np.maximum(size, 1), share)


def _each(lists: pa.Array, field: str = "") -> tuple[Integers, pa.Array]:
    """Give the strings in a column of lists, and the row of each."""
    values = lists.flatten()
    strings = pc.struct_field(values, field) if field else values
    return pc.list_parent_indices(lists).to_numpy().astype(np.int64), pc.fill_null(strings, "").cast(pa.string())


def _longest(text: str, spans: list[dict[str, Any]]) -> tuple[str, str]:
    """Give the longest of some spans of a text, and where it comes from."""
    span = max(spans, key=lambda span: span["stop"] - span["start"])
    return text[span["start"] : span["stop"]][:EXCERPT], span["source"]


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
