"""Ingest: files of any format become records that remember where they came from."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from lmloop.core.batch import Batch, from_records
from lmloop.core.card import WORK
from lmloop.core.engine.blame import blaming
from lmloop.core.engine.engines import open_pool
from lmloop.core.engine.pool import Result
from lmloop.core.engine.shards import DATA, ShardWriter, prune
from lmloop.core.errors import DataError
from lmloop.core.op import text_bytes
from lmloop.core.part import build
from lmloop.core.reader import AnyReader, Reader, Reject, Source
from lmloop.core.record import Record
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.report import blocks

SOURCES, REJECTS = "sources.jsonl", "rejects.jsonl"
UNREADABLE = "unreadable"
BATCH_BYTES, BATCH_ROWS = 2 << 20, 2048
SHARD_BYTES = 64 << 20
"""A shard holds about so much text at most: a worker may have all that one shard drops in memory."""


@dataclass(frozen=True, slots=True)
class ReadTask:
    """Some files, and the shard that their records go to."""

    number: int
    size: int
    reader: Mapping[str, Any]
    sources: tuple[Source, ...]
    out: Path

    @property
    def name(self) -> str:
        """The shard's number."""
        return f"{self.number:05d}"


class Ingest(Step):
    """Read files into records.

    The files are grouped, in order, into shards of about ``shard_mb`` megabytes of input, which workers read
    side by side. What cannot be read is listed with its reason in ``rejects.jsonl``; it never stops the rest.
    """

    makes: ClassVar[Kind] = "records"

    reader: AnyReader
    shard_mb: float = 16.0

    @classmethod
    def example(cls) -> "Ingest":
        """Give one that reads the text files of the folder at hand."""
        return cls.model_validate({"reader": {"use": "text", "files": ["."]}})

    def outside(self, base: Path, digest: Callable[[Path], str]) -> dict[str, Any]:
        """Name the files by a digest over their names and contents; those that cannot be read, by name, too."""
        total, count, size = hashlib.blake2b(digest_size=16), 0, 0
        unreadable: list[str] = []
        for source in self.reader.sources(base):
            found = digest(source.path)
            total.update(f"{source.name}\0{found}\n".encode("utf-8", "surrogateescape"))
            count, size = count + 1, size + source.size
            if found == "unreadable":
                unreadable.append(source.name)
        missing = {"unreadable": unreadable} if unreadable else {}
        return {"files": count, "bytes": size, "digest": total.hexdigest(), **missing}

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Read every file and write shards, rejects and the list of sources."""
        sources = list(self.reader.sources(context.base))
        if not sources:
            raise DataError("there is no file to read", hint="look at the reader's settings")
        _write_sources(out / SOURCES, sources)
        tasks = [
            ReadTask(number, sum(source.size for source in group), self.reader.spec(), group, out)
            for number, group in enumerate(self._groups(sources))
        ]
        with open_pool(context) as pool:
            results = pool.each("read", read_sources, tasks, out / WORK / "done")
        prune(out / DATA, {name for result in results for name in result["shards"]})
        total = _total(results)
        rejects = _gather_rejects(out, results)
        _check_unreadable(rejects, context.outside)
        blocks.write(out / BLOCKS, _blocks(sources, total, rejects))
        return {"files": len(sources), **{name: total[name] for name in ("records", "bytes", "rejects")}}

    def _groups(self, sources: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
        group: list[Source] = []
        size = 0.0
        for source in sources:
            group.append(source)
            size += source.size
            if size >= self.shard_mb * 1e6:
                yield tuple(group)
                group, size = [], 0.0
        if group:
            yield tuple(group)


def read_sources(task: ReadTask) -> Result:
    """Read some files into one shard, or into several where they hold much."""
    reader = cast(Reader, build("readers", task.reader))
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    rejects: list[Reject] = []
    batches = _batches(_counted(_records(reader, task.sources, rejects), counts, kinds))
    shards: list[Path] = []
    more = True
    while more:
        shards.append(task.out / DATA / f"{task.name}-{len(shards):03d}.parquet")
        with ShardWriter(shards[-1]) as shard:
            more = _fill(shard, batches)
    return {
        **counts,
        "files": shards,
        "shards": [shard.name for shard in shards],
        "kinds": dict(kinds),
        "rejects": [asdict(reject) for reject in rejects],
    }


def _fill(shard: ShardWriter, batches: Iterator[Batch]) -> bool:
    """Write batches until the shard is full (then there may be more) or all are written."""
    size = 0
    shard.write(from_records([]))
    for batch in batches:
        shard.write(batch)
        size += text_bytes(batch)
        if size >= SHARD_BYTES:
            return True
    return False


def _batches(records: Iterator[Record]) -> Iterator[Batch]:
    """Put records together to batches of at most some megabytes and some thousand rows."""
    waiting: list[Record] = []
    size = 0
    for record in records:
        waiting.append(record)
        size += len(record.text)
        if size >= BATCH_BYTES or len(waiting) >= BATCH_ROWS:
            yield from_records(waiting)
            waiting, size = [], 0
    if waiting:
        yield from_records(waiting)


def _counted(records: Iterator[Record], counts: Counter[str], kinds: Counter[str]) -> Iterator[Record]:
    for record in records:
        counts.update(records=1, bytes=len(record.text.encode()))
        kinds[str(record.meta.get("kind") or _ending(record))] += 1
        yield record


def _ending(record: Record) -> str:
    """Give the ending of the file that a record is from: ".jsonl" for the place "rows.jsonl:17"."""
    return Path(str(record.meta.get("source", ""))).suffix.partition(":")[0]


def _records(reader: Reader, sources: Sequence[Source], rejects: list[Reject]) -> Iterator[Record]:
    """Stream the records of some files, each named by its place; put aside what is broken."""
    for source in sources:
        number = 0
        try:
            for item in _read(reader, source):
                if isinstance(item, Reject):
                    rejects.append(item)
                elif not _encodable(item):
                    rejects.append(Reject(source.name, "lone surrogate", f"record {number}"))
                else:
                    yield _named(item, source, number)
                    number += 1
        except OSError as bad:
            rejects.append(Reject(source.name, UNREADABLE, bad.strerror or str(bad)))


def _read(reader: Reader, source: Source) -> Iterator[Record | Reject]:
    with blaming(f"reader {reader.name()!r}", source.name):
        yield from reader.read(source)


def _check_unreadable(rejects: Sequence[Reject], outside: Any) -> None:
    """See that what could not be read was known to be so: the key says which files are in the result."""
    known = set((outside or {}).get("unreadable", ()))
    lost = [reject for reject in rejects if reject.reason == UNREADABLE and reject.source not in known]
    if outside is not None and lost:
        raise DataError(
            f"{lost[0].source} could be read when the run was planned, and now cannot: {lost[0].detail}",
            hint="run it again: a file that stays so is listed among the rejects",
        )


def _encodable(record: Record) -> bool:
    try:
        for text in (record.text, *record.choices, *(turn.text for turn in record.prompt)):
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _named(record: Record, source: Source, number: int) -> Record:
    """Name a record by where it stands, so that two copies of a text are two rows."""
    place = hashlib.blake2b(f"{source.name}\0{number}".encode("utf-8", "surrogateescape"), digest_size=8)
    return Record(record.text, record.prompt, record.choices, record.answer, record.meta, id=place.hexdigest())


def _write_sources(path: Path, sources: Sequence[Source]) -> None:
    with path.open("w", encoding="utf-8", errors="surrogateescape") as out:
        for source in sources:
            out.write(json.dumps({"name": source.name, "bytes": source.size}, ensure_ascii=False) + "\n")


def _total(results: Sequence[Result]) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    for result in results:
        kinds.update(result["kinds"])
    return {
        "records": sum(result.get("records", 0) for result in results),
        "bytes": sum(result.get("bytes", 0) for result in results),
        "rejects": sum(len(result["rejects"]) for result in results),
        "kinds": dict(kinds.most_common()),
    }


def _gather_rejects(out: Path, results: Sequence[Result]) -> list[Reject]:
    rejects = [Reject(**row) for result in results for row in result["rejects"]]
    if rejects:
        lines = "".join(json.dumps(asdict(reject)) + "\n" for reject in rejects)
        (out / REJECTS).write_text(lines, encoding="utf-8")
    return rejects


def _blocks(sources: Sequence[Source], total: Mapping[str, Any], rejects: Sequence[Reject]) -> list[blocks.Block]:
    figures = (
        blocks.Figure("files", len(sources)),
        blocks.Figure("documents", total["records"]),
        blocks.Figure("text", total["bytes"], "B"),
        blocks.Figure("rejects", len(rejects), caption="files or places that could not be read"),
    )
    found: list[blocks.Block] = [blocks.Numbers("What was read", figures)]
    if total["kinds"]:
        kinds = tuple(kind or "other" for kind in total["kinds"])
        counts = blocks.Series("documents", tuple(total["kinds"].values()))
        found.append(blocks.Bars("Documents by kind", kinds, (counts,)))
    if rejects:
        rows = tuple((reject.source, reject.reason, reject.detail) for reject in rejects[:200])
        note = f"{len(rejects)} in all; every one is in {REJECTS}"
        found.append(blocks.Table("Rejects", ("source", "reason", "detail"), rows, note=note))
    return found
