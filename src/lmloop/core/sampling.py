"""A small sample of what readers read: the same each time, and spread over all files without reading them all."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from lmloop.core.batch import Batch, from_records, rows
from lmloop.core.engine.blame import blaming
from lmloop.core.errors import DataError
from lmloop.core.op import text_bytes
from lmloop.core.reader import Reader, Reject, Source
from lmloop.core.record import Record

PROBED_FILES, PROBED_BYTES = 3, 4 << 20
REACH = 20
"""In a file, so many times the records that are wanted are read, and those wanted are taken at equal distances."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The sampled rows, how they were come by, and what is to be expected of the whole.

    ``files`` were read of ``of``; ``rejects`` is how many places in them could not be. ``documents`` and ``text_bytes``
    of the whole are estimates but where each file is a document; ``read_seconds`` is what reading it all would take.
    """

    batch: Batch
    files: int
    of: int
    rejects: int
    documents: int
    text_bytes: int
    read_seconds: float


@dataclass(frozen=True, slots=True)
class _File:
    reader: Reader
    source: Source
    documents: float


@dataclass(frozen=True, slots=True)
class _Probe:
    documents: int
    size: int
    whole: bool


def draw(readers: Sequence[tuple[Reader, Path]], count: int) -> Sample:
    """Draw about ``count`` records from what some readers read, each from a folder on.

    Each file gives as many as its share of all documents, which is estimated from a few files of each reader.

    Raises:
        DataError: there is no file, or none of those drawn gives a record.
    """
    files = [file for reader, base in readers for file in _files(reader, base)]
    if not files:
        raise DataError("there is no file to read", hint="look at the names")
    start = time.process_time()
    rejects = 0
    records: list[Record] = []
    used = 0
    for file, quota in _quotas(files, count):
        found, lost = _read(file, quota)
        records += found
        rejects, used = rejects + lost, used + 1
    if not records:
        raise DataError("no file of the sample gives a record", hint="look at the reader's settings")
    seconds = time.process_time() - start
    batch = from_records(records)
    documents = max(round(sum(file.documents for file in files)), len(records))
    scale = documents / len(records)
    return Sample(batch, used, len(files), rejects, documents, round(text_bytes(batch) * scale), seconds * scale)


def _files(reader: Reader, base: Path) -> Iterator[_File]:
    """List a reader's files in an order that has nothing to do with their names, with their documents."""
    kinds: dict[str, list[Source]] = {}
    for source in sorted(reader.sources(base), key=lambda source: _digest(source.name)):
        kinds.setdefault(Path(source.name).suffix.lower(), []).append(source)
    for sources in kinds.values():
        yield from _estimated(reader, sources)


def _estimated(reader: Reader, sources: Sequence[Source]) -> Iterator[_File]:
    """Estimate how many documents files of one kind have, from the first few of them."""
    probes = [_probe(reader, source) for source in sources[:PROBED_FILES]]
    # how large a document is in a file that was read whole says more than how long its text is
    best = [probe for probe in probes if probe.whole] or probes
    each = sum(probe.documents for probe in best) / max(sum(probe.size for probe in best), 1)
    single = all(probe.whole and probe.documents <= 1 for probe in probes)
    for source in sources:
        yield _File(reader, source, 1.0 if single else max(source.size * each, 1.0))


def _probe(reader: Reader, source: Source) -> _Probe:
    """Read a file, or the first megabytes of text in it, to see how many documents it has."""
    documents = size = 0
    for item in _items(reader, source):
        if isinstance(item, Record):
            documents, size = documents + 1, size + len(item.text.encode())
        if size > PROBED_BYTES:
            return _Probe(documents, size, whole=False)
    return _Probe(documents, source.size, whole=True)


def _quotas(files: Sequence[_File], count: int) -> Iterator[tuple[_File, int]]:
    """Say how many records each file gives: points at equal distances over all documents in a row."""
    ends = np.cumsum([file.documents for file in files])
    wanted = max(min(count, int(np.ceil(ends[-1]))), 1)
    points = (np.arange(wanted) + 0.5) * ends[-1] / wanted
    quotas = np.bincount(np.minimum(np.searchsorted(ends, points), len(files) - 1), minlength=len(files))
    yield from ((file, int(quota)) for file, quota in zip(files, quotas, strict=True) if quota)


def _read(file: _File, quota: int) -> tuple[list[Record], int]:
    """Give records of a file at equal distances, named as an ingest names them; and how many places were broken."""
    records: list[Record] = []
    rejects = 0
    for item in islice(_items(file.reader, file.source), quota * REACH):
        if isinstance(item, Reject):
            rejects += 1
        else:
            records.append(item)
    some = min(quota, len(records))
    return [records[int((k + 0.5) * len(records) / some)] for k in range(some)], rejects


def _items(reader: Reader, source: Source) -> Iterator[Record | Reject]:
    """Stream a file's records; texts that no file can hold are rejects, as they are to an ingest."""
    try:
        with blaming(f"reader {reader.name()!r}", source.name):
            for item in reader.read_batches(source):
                yield from (item,) if isinstance(item, Reject) else rows(item)
    except OSError as bad:
        yield Reject(source.name, "unreadable", bad.strerror or str(bad))


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
