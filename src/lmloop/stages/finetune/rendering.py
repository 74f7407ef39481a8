"""Records become examples, shard by shard, in as many processes as there are; what is left out is kept to look at."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lmloop.core.batch import from_records, rows
from lmloop.core.engine.pool import Result
from lmloop.core.engine.shards import DROPPED, ShardWriter, read_shard
from lmloop.core.op import DROP_OP, DROP_REASON
from lmloop.core.record import Record
from lmloop.kernels.examples import ExampleWriter
from lmloop.kernels.held import is_held
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.chat import Template
from lmloop.nn.goals.settings import Reads
from lmloop.stages.finetune.encoding import Encoder, Learn, TooLong, Unfit

NAME = "finetune"
SAMPLES = 2
"""So many held-out prompts a shard are kept, to be answered in the report."""

Sample = tuple[str, str, list[int]]
"""A prompt to reply to in the end: its task, its text, and its ids."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How all records are read; ``tokenizer`` is a folder, and ``digest`` tells it and its template from others."""

    tokenizer: Path
    digest: str
    reads: Reads
    learn: Learn
    context: int
    too_long: TooLong
    held: float
    task: str

    def encoder(self) -> Encoder:
        """Make the encoder."""
        template = Template.load(self.tokenizer)
        return Encoder(Tokenizer.load(self.tokenizer), template, self.learn, self.context, self.too_long)


@dataclass(frozen=True, slots=True)
class RenderTask:
    """A shard of records, and where its examples go."""

    number: int
    size: int
    shard: Path
    source: str
    reading: Reading
    out: Path
    work: Path

    @property
    def name(self) -> str:
        """The shard's number."""
        return f"{self.number:05d}"


def render_shard(task: RenderTask) -> Result:
    """Write a shard's examples: those to train on, those that are held out, and the rows that were left out."""
    reading, encoder = task.reading, task.reading.encoder()
    writers = {"train": ExampleWriter(), "held": ExampleWriter()}
    reasons: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    samples: list[Sample] = []
    ends: set[int] = set()
    left: list[Record] = []
    why: list[str] = []
    for batch in read_shard(task.shard):
        for record in rows(batch):
            kind = "held" if is_held(record.id, reading.held) else "train"
            try:
                found = encoder.examples(record, reading.reads)
            except Unfit as unfit:
                reasons[str(unfit)] += 1
                left.append(record)
                why.append(str(unfit))
                continue
            writers[kind].add(found, _task(record, task))
            counts[kind] += 1
            counts["cut"] += sum(len(each.ids) > reading.context for each in found)
            ends |= encoder.ends(found)
            if kind == "held" and record.prompt and len(samples) < SAMPLES:
                shown = "\n".join(turn.text for turn in record.prompt)
                samples.append((_task(record, task), shown, encoder.prompt(record.prompt)))
    files = []
    for kind, writer in writers.items():
        files.append(task.work / kind / f"{task.name}.npz")
        writer.write(files[-1])
    if left:
        files.append(keep(task.out / DROPPED / f"{task.name}.parquet", left, why))
    learnt = sum(sum(each.learnt) for each in writers["train"].examples)
    tokens = sum(len(each.ids) for each in writers["train"].examples)
    return {
        "files": files,
        "tasks": {kind: list(writer.names) for kind, writer in writers.items()},
        "by_task": dict(Counter(_named(writers["train"]))),
        "counts": {**counts, "learnt": learnt, "tokens": tokens},
        "reasons": dict(reasons),
        "samples": samples,
        "ends": sorted(ends),
    }


def _named(writer: ExampleWriter) -> list[str]:
    names = list(writer.names)
    return [names[number] for number in writer.tasks]


def _task(record: Record, task: RenderTask) -> str:
    return str(record.meta.get(task.reading.task) or "other") if task.reading.task else task.source


def keep(path: Path, left: Sequence[Record], why: Sequence[str]) -> Path:
    """Write down what was left out, each with the reason, to look at."""
    batch = from_records(left)
    batch = batch.append_column(DROP_OP, pa.array([NAME] * len(left), pa.string()))
    batch = batch.append_column(DROP_REASON, pa.array(list(why), pa.string()))
    with ShardWriter(path) as writer:
        writer.write(batch)
    return path


def template_digest(folder: Path) -> str:
    """Tell a template from others."""
    template = Template.load(folder)
    return json.dumps([template.source, dict(template.specials)]) if template is not None else ""


def total(results: Sequence[Result], name: str) -> Mapping[str, int]:
    """Add up what the shards counted."""
    found: Counter[str] = Counter()
    for result in results:
        found.update(result[name])
    return found
