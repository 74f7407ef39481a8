"""Ingest: files of any format become records that remember where they came from."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, TextIO, cast

import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import Batch, from_records
from lmloop.core.card import WORK
from lmloop.core.draft import draft
from lmloop.core.engine.blame import blaming
from lmloop.core.engine.engines import open_pool
from lmloop.core.engine.pool import Result
from lmloop.core.engine.shards import DATA, ShardWriter, prune
from lmloop.core.errors import DataError
from lmloop.core.op import text_bytes
from lmloop.core.part import build
from lmloop.core.reader import BATCH_BYTES, BATCH_ROWS, AnyReader, Reader, Reject, Source
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.report import blocks

SOURCES, REJECTS = "sources.jsonl", "rejects.jsonl"
UNREADABLE = "unreadable"
KIND = r'"kind":"(?P<kind>[^"]+)"'
MOST_BARS, SHOWN = 20, 200
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

    @property
    def rejects(self) -> Path:
        """Where what could not be read is put down until all is done."""
        return self.out / WORK / "rejects" / f"{self.name}.jsonl"


class Ingest(Step):
    """Read files into records.

    The files are put together, in order, and large ones cut, to shards of about ``shard_mb`` megabytes of input, which
    workers read side by side. What cannot be read is listed with its reason in ``rejects.jsonl``; it never stops the
    rest.
    """

    version: ClassVar[int] = 2

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
            found = source.refused or source.stamp or digest(source.path)
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
        shown = _gather_rejects(out, tasks)
        _check_unreadable(results, context.outside)
        blocks.write(out / BLOCKS, _blocks(sources, total, shown))
        return {"files": len(sources), **{name: total[name] for name in ("records", "bytes", "rejects")}}

    def _groups(self, sources: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
        """Put small files together, and cut large ones, to tasks of about the same size."""
        group: list[Source] = []
        size = 0.0
        for source in sources:
            for piece in self.reader.cut(source, int(self.shard_mb * 1e6)):
                group.append(piece)
                size += piece.size
                if size >= self.shard_mb * 1e6:
                    yield tuple(group)
                    group, size = [], 0.0
        if group:
            yield tuple(group)


def read_sources(task: ReadTask) -> Result:
    """Read some files into one shard, or into several where they hold much."""
    reader = cast(Reader, build("readers", task.reader))
    task.rejects.parent.mkdir(parents=True, exist_ok=True)
    with draft(task.rejects) as place, place.open("w", encoding="utf-8") as aside:
        tally = _Tally(aside)
        batches = _batches(reader, task.sources, tally)
        shards: list[Path] = []
        more = True
        while more:
            shards.append(task.out / DATA / f"{task.name}-{len(shards):03d}.parquet")
            with ShardWriter(shards[-1]) as shard:
                more = _fill(shard, batches)
    return {
        "files": [*shards, task.rejects],
        "shards": [shard.name for shard in shards],
        "records": tally.records,
        "bytes": tally.bytes,
        "kinds": dict(tally.kinds),
        "reasons": dict(tally.reasons),
        "unreadable": tally.unreadable,
    }


class _Tally:
    """What came of a task's files; rejects are written down at once."""

    def __init__(self, aside: TextIO) -> None:
        self.aside = aside
        self.records = self.bytes = 0
        self.kinds: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.unreadable: list[tuple[str, str]] = []

    def reject(self, reject: Reject) -> None:
        self.reasons[reject.reason] += 1
        if reject.reason == UNREADABLE:
            self.unreadable.append((reject.source, reject.detail))
        self.aside.write(json.dumps(asdict(reject)) + "\n")

    def batch(self, batch: Batch, ending: str) -> Batch:
        """Count a batch; its rows are of the kind that they name, or that of their file's ending."""
        self.records += batch.num_rows
        self.bytes += text_bytes(batch)
        for row in pc.value_counts(pc.struct_field(pc.extract_regex(batch.column("meta"), KIND), "kind")).to_pylist():
            self.kinds[row["values"] or ending] += row["counts"]
        return batch


def _batches(reader: Reader, sources: Sequence[Source], tally: _Tally) -> Iterator[Batch]:
    """Stream the records of some files, those of small files of one kind together; put aside what is broken."""
    waiting: list[Batch] = []
    size, ending = 0, ""
    for batch, kind in _each_batch(reader, sources, tally):
        if waiting and (kind != ending or size + batch.nbytes > BATCH_BYTES or len(waiting) >= BATCH_ROWS):
            yield tally.batch(_together(waiting), ending)
            waiting, size = [], 0
        waiting.append(batch)
        size, ending = size + batch.nbytes, kind
    if waiting:
        yield tally.batch(_together(waiting), ending)


def _together(batches: Sequence[Batch]) -> Batch:
    """Make one batch of several."""
    if len(batches) == 1:
        return batches[0]
    whole: Batch = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    return whole


def _each_batch(reader: Reader, sources: Sequence[Source], tally: _Tally) -> Iterator[tuple[Batch, str]]:
    """Stream the batches of each file, with the ending of its name."""
    for source in sources:
        if source.refused:
            tally.reject(Reject(source.name, source.refused))
            continue
        try:
            with blaming(f"reader {reader.name()!r}", source.name):
                for item in reader.read_batches(source):
                    if isinstance(item, Reject):
                        tally.reject(item)
                    else:
                        yield item, Path(source.name).suffix.lower()
        except OSError as bad:
            tally.reject(Reject(source.name, UNREADABLE, bad.strerror or str(bad)))


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


def _check_unreadable(results: Sequence[Result], outside: Any) -> None:
    """See that what could not be read was known to be so: the key says which files are in the result."""
    known = set((outside or {}).get("unreadable", ()))
    lost = [pair for result in results for pair in result["unreadable"] if pair[0] not in known]
    if outside is not None and lost:
        raise DataError(
            f"{lost[0][0]} could be read when the run was planned, and now cannot: {lost[0][1]}",
            hint="run it again: a file that stays so is listed among the rejects",
        )


def _write_sources(path: Path, sources: Sequence[Source]) -> None:
    with path.open("w", encoding="utf-8", errors="surrogateescape") as out:
        for source in sources:
            out.write(json.dumps({"name": source.name, "bytes": source.size}, ensure_ascii=False) + "\n")


def _total(results: Sequence[Result]) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for result in results:
        kinds.update(result["kinds"])
        reasons.update(result["reasons"])
    return {
        "records": sum(result["records"] for result in results),
        "bytes": sum(result["bytes"] for result in results),
        "rejects": reasons.total(),
        "kinds": dict(kinds.most_common()),
        "reasons": dict(reasons.most_common()),
    }


def _gather_rejects(out: Path, tasks: Sequence[ReadTask]) -> list[Reject]:
    """Put the rejects of all tasks into one file, in order; give the first few of them."""
    shown: list[Reject] = []
    with draft(out / REJECTS) as place:
        with place.open("w", encoding="utf-8") as whole:
            for task in tasks:
                with task.rejects.open(encoding="utf-8") as lines:
                    for line in lines:
                        whole.write(line)
                        if len(shown) < SHOWN:
                            shown.append(Reject(**json.loads(line)))
        empty = not place.stat().st_size
    if empty:
        (out / REJECTS).unlink()
    return shown


def _blocks(sources: Sequence[Source], total: Mapping[str, Any], shown: Sequence[Reject]) -> list[blocks.Block]:
    figures = (
        blocks.Figure("files", len(sources)),
        blocks.Figure("documents", total["records"]),
        blocks.Figure("text", total["bytes"], "B"),
        blocks.Figure("rejects", total["rejects"], caption="files or places that could not be read"),
    )
    found: list[blocks.Block] = [blocks.Numbers("What was read", figures)]
    found += _bars("Documents by kind", "documents", total["kinds"])
    found += _bars("Rejects by reason", "rejects", total["reasons"])
    if shown:
        rows = tuple((reject.source, reject.reason, reject.detail) for reject in shown)
        note = f"{total['rejects']} in all; every one is in {REJECTS}"
        found.append(blocks.Table("Rejects", ("source", "reason", "detail"), rows, note=note))
    return found


def _bars(title: str, what: str, counts: Mapping[str, int]) -> list[blocks.Block]:
    """Draw counts, the largest first; the many small ones together."""
    largest = dict(list(counts.items())[:MOST_BARS])
    if rest := sum(counts.values()) - sum(largest.values()):
        largest["all others"] = rest
    names = tuple(name or "no ending" for name in largest)
    return [blocks.Bars(title, names, (blocks.Series(what, tuple(largest.values())),))] if largest else []
