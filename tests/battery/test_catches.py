"""The battery finds what it is there to find: parts with one fault each."""

from pathlib import Path
from typing import Any

import pytest

from lmloop.core.part import find
from lmloop.testing import check_model, check_op, check_reader, check_task

OP = '''"""An op to spoil."""

import itertools
from typing import ClassVar

import numpy as np
import pyarrow as pa

from lmloop.core.batch import with_text
from lmloop.core.op import Barrier, Filter, Map, Verdict

COUNT = itertools.count()


class Spoilt(Filter):
    """Drop texts of more than ``most`` characters."""

    reasons: ClassVar[tuple[str, ...]] = ("long",)

    most: int = 30

    def judge(self, batch):
        lengths = np.array([len(text or "") for text in batch.column("text").to_pylist()], np.int64)
        return Verdict((lengths > self.most).astype(np.uint8), {"characters": lengths})
'''

FAULTS = {
    "it is right": ("", "", ""),
    "no docstring": ('    """Drop texts of more than ``most`` characters."""\n', "", "no docstring"),
    "a setting is not explained": ("``most``", "some", "what these settings mean, in ``quotes``: most"),
    "the file is not explained": ('"""An op to spoil."""', "", "the file has no docstring"),
    "no reasons": ('= ("long",)', "= ()", "declares no reasons"),
    "a reason twice": ('("long",)', '("long", "long")', "a reason is declared twice"),
    "codes are no bytes": (".astype(np.uint8)", "", "codes must be uint8"),
    "a statistic is short": ('{"characters": lengths}', '{"characters": lengths[:-1]}', "rows, but"),
    "chance": ("lengths > self.most", "lengths % (next(COUNT) + 2) == 0", "a second time, it"),
    "it looks at its neighbours": (
        "lengths > self.most",
        "lengths > lengths.sum() / max(len(lengths), 1)",
        "with the rows cut at",
    ),
    "it cannot take null": ('len(text or "")', "len(text)", "NoneType"),
    "types depend on the rows": ("np.int64)", "np.int64) if batch.num_rows else np.zeros(0)", "an empty batch gives"),
}

MAP = '''"""A map to spoil."""

import pyarrow as pa

from lmloop.core.batch import with_text
from lmloop.core.op import Map


class Spoilt(Map):
    """Write texts in small letters."""

    def change(self, batch):
        return with_text(batch, [text and text.lower() for text in batch.column("text").to_pylist()])
'''

MAP_FAULTS = {
    "it is right": ("", "", ""),
    "it loses a row": ("to_pylist()])", "to_pylist()]).slice(1)", "keeps the number of rows"),
    "it turns rows round": ("to_pylist()])", "to_pylist()]).take(pa.array(range(batch.num_rows))[::-1])", "order"),
    "it loses a column": ("to_pylist()])", 'to_pylist()]).drop_columns(["meta"])', "columns are not kept"),
    "it loses statistics": (
        "to_pylist()])",
        'to_pylist()]).drop_columns(["stats.earlier.rank"])',
        "earlier ops are lost",
    ),
    "it adds a column": ("to_pylist()])", 'to_pylist()]).append_column("mine", batch.column("id"))', "mine"),
}

BARRIER = '''"""A barrier to spoil."""

from typing import ClassVar

import numpy as np
import pyarrow as pa

from lmloop.core.op import Barrier, Verdict


class Spoilt(Barrier):
    """Keep the first text of each length."""

    reasons: ClassVar[tuple[str, ...]] = ("again",)

    def map(self, batch, numbers):
        lengths = np.array([len(text or "") for text in batch.column("text").to_pylist()], np.uint64)
        return pa.table({"key": lengths << np.uint64(50), "row": numbers})

    def reduce(self, keyed):
        keys, rows = (keyed.column(name).to_numpy() for name in ("key", "row"))
        first = np.ones(len(keys), bool)
        first[1:] = keys[1:] != keys[:-1]
        return pa.table({"row": rows[~first]})

    def settle(self, found):
        return [pa.concat_tables(found).sort_by("row")]

    def judge(self, batch, numbers, decisions):
        return Verdict(np.isin(numbers, decisions.column("row").to_numpy()).astype(np.uint8))
'''

BARRIER_FAULTS = {
    "it is right": ("", "", ""),
    "it keeps the last": (
        "first[1:] = keys[1:] != keys[:-1]",
        "first[:] = np.arange(len(keys)) % 2 == 0",
        "other decisions",
    ),
    "it decides without order": (
        'pa.concat_tables(found).sort_by("row")',
        "pa.concat_tables(found)",
        "order its decisions by row",
    ),
    "it judges by place": ("np.isin(numbers,", "np.isin(np.arange(len(numbers), dtype=np.uint64),", "other decisions"),
}


def spoilt(folder: Path, kind: str, source: str, fault: tuple[str, str, str]) -> Any:
    assert fault[0] in source
    path = folder / "spoilt.py"
    path.write_text(source.replace(fault[0], fault[1]) if fault[0] else source)
    return find(kind, str(path))


def expect(message: str, check: Any, part: Any) -> None:
    if not message:
        check(part())
        return
    with pytest.raises(AssertionError, match=message.replace("`", ".")):
        check(part())


@pytest.mark.parametrize("name", FAULTS)
def test_filters(tmp_path: Path, name: str) -> None:
    expect(FAULTS[name][2], check_op, spoilt(tmp_path, "ops", OP, FAULTS[name]))


@pytest.mark.parametrize("name", MAP_FAULTS)
def test_maps(tmp_path: Path, name: str) -> None:
    expect(MAP_FAULTS[name][2], check_op, spoilt(tmp_path, "ops", MAP, MAP_FAULTS[name]))


@pytest.mark.parametrize("name", BARRIER_FAULTS)
def test_barriers(tmp_path: Path, name: str) -> None:
    expect(BARRIER_FAULTS[name][2], check_op, spoilt(tmp_path, "ops", BARRIER, BARRIER_FAULTS[name]))


def template(kind: str) -> str:
    return (Path(find.__globals__["__file__"]).parents[1] / "faces" / "templates" / f"{kind}.txt").read_text()


READER_FAULTS = {
    "it is right": ("", "", ""),
    "it stops at broken files": ("UnicodeDecodeError", "KeyError", "must give rejects, not stop"),
    "names of this machine": ('expand(self.files, base, [".txt"])', "self._all(base)", "depends on the machine"),
    "it reads nothing": ('enumerate(re.split(r"\\n\\s*\\n", text.strip()))', "()", "not one record"),
}


@pytest.mark.parametrize("name", READER_FAULTS)
def test_readers(tmp_path: Path, name: str) -> None:
    more = """
    def _all(self, base):
        for path in sorted(base.rglob("*.txt")):
            yield Source(path, str(path), path.stat().st_size)
"""
    part = spoilt(tmp_path, "readers", template("reader") + more, READER_FAULTS[name])
    message = READER_FAULTS[name][2]
    if not message:
        check_reader(part.example())
    else:
        with pytest.raises(AssertionError, match=message):
            check_reader(part.example())


TASK_FAULTS = {
    "it is right": ("", "", ""),
    "the same question twice": ('"language", "语言"', '"word"', "the same id"),
    "a metric of no name": ('{"exact_match"', '{"other"', "not among its metrics"),
    "no finite grade": ("float(answer == record.text)", "float('nan')", "not finite"),
    "grades under another name": ("Grade(record.id", "Grade(record.id[1:]", "order of the questions"),
    "a new whim each time": (
        "float(answer == record.text)",
        "float(__import__('time').perf_counter_ns())",
        "other grades",
    ),
}


@pytest.mark.parametrize("name", TASK_FAULTS)
def test_tasks(tmp_path: Path, name: str) -> None:
    expect(TASK_FAULTS[name][2], check_task, spoilt(tmp_path, "tasks", template("task"), TASK_FAULTS[name]))


MODEL_FAULTS = {
    "it is right": ("", "", ""),
    "no power": ("def generate", "def speak", "at least one of generate, score and embed"),
    "too much": ("min(self.max_words, sampling.max_tokens)", "self.max_words", "more than max_tokens"),
    "too few replies": ("for said in words)", "for said in words[1:])", "gives 2 replies for 3"),
}


@pytest.mark.parametrize("name", MODEL_FAULTS)
def test_models(tmp_path: Path, name: str) -> None:
    expect(MODEL_FAULTS[name][2], check_model, spoilt(tmp_path, "models", template("model"), MODEL_FAULTS[name]))
