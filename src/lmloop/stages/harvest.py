"""Harvest: what people said and preferred, from the event log back into records."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from lmloop.core.batch import from_records
from lmloop.core.engine.shards import DATA, ShardWriter
from lmloop.core.record import Record, Turn
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.store import Event, Store
from lmloop.report import blocks

BATCH = 1024
FORGET = "forget"


class Harvest(Step):
    """Read the event log up to the moment at which the run was planned, and give records.

    ``log:vote`` gives preferences (prompt, choices, answer; the ``models`` that said the choices in ``meta``, where the
    vote names them, and no answer for a tie between them), ``log:chat`` and ``log:correction`` replies (prompt,
    text). An event of the kind ``forget`` names another by its number, which is then left out: read ``log:forget``,
    too, wherever people may take back what they said. Events that hold no record are counted with the reason.
    With ``by`` only what these people said is read.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("log",)
    makes: ClassVar[Kind] = "records"
    logs: ClassVar[tuple[str, ...]] = ("vote", "chat", "correction", FORGET)

    by: list[str] = []

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Write the records of all events, in the order in which they happened."""
        skipped: Counter[str] = Counter()
        kept: Counter[str] = Counter()
        with ShardWriter(out / DATA / "00000.parquet") as shard:
            shard.write(from_records([]))
            waiting: list[Record] = []
            for event in _events(inputs):
                record = self._record(event)
                if isinstance(record, str):
                    skipped[record] += 1
                    continue
                kept[event.kind] += 1
                waiting.append(record)
                if len(waiting) == BATCH:
                    shard.write(from_records(waiting))
                    waiting = []
            shard.write(from_records(waiting))
        blocks.write(out / BLOCKS, _blocks(kept, skipped))
        return {"records": kept.total(), "skipped": skipped.total()}

    def _record(self, event: Event) -> Record | str:
        if self.by and str(event.body.get("by", "")) not in self.by:
            return "said by others"
        try:
            return _reading(event)
        except (KeyError, TypeError, ValueError, AttributeError):
            return f"no {event.kind} can be read in it"


def _events(inputs: Sequence[Artifact]) -> Iterator[Event]:
    """Give the events of all logs in the order in which they happened, but for those taken back."""
    found: list[Event] = []
    for item in inputs:
        kind, _, last = item.key.removeprefix("log:").rpartition("@")
        with Store(item.path) as store:
            found += store.events(kind, int(last))
    gone = {
        int(event.body["event"])
        for event in found
        if event.kind == FORGET and str(event.body.get("event", "")).isdigit()
    }
    yield from sorted(
        (event for event in found if event.kind != FORGET and event.id not in gone), key=lambda event: event.id
    )


def _reading(event: Event) -> Record:
    body = event.body
    prompt = _prompt(body["prompt"])
    meta: dict[str, Any] = {"source": f"log:{event.kind}:{event.id}", "at": event.at}
    if "by" in body:
        meta["by"] = str(body["by"])
    if event.kind == "vote":
        choices = tuple(str(choice) for choice in body["choices"])
        if "models" in body:
            meta["models"] = [str(name) for name in body["models"]]
        # who said what is known, and neither was better: a tie, which ranks, and teaches nothing
        tie = body["answer"] is None and "models" in body
        answer = None if tie else int(body["answer"])
        return Record(prompt=prompt, choices=choices, answer=answer, meta=meta, id=f"event-{event.id}")
    return Record(str(body["text"]), prompt, meta=meta, id=f"event-{event.id}")


def _prompt(said: Any) -> tuple[Turn, ...]:
    """Read a prompt: one text that a user said, or turns with role and text."""
    if isinstance(said, str):
        return (Turn("user", said),)
    return tuple(Turn(str(turn["role"]), str(turn["text"])) for turn in said)


def _blocks(kept: Mapping[str, int], skipped: Mapping[str, int]) -> list[blocks.Block]:
    figures = (
        blocks.Figure("events read", sum(kept.values()) + sum(skipped.values())),
        blocks.Figure("records", sum(kept.values())),
        blocks.Figure("left out", sum(skipped.values()), caption="each with its reason"),
    )
    found: list[blocks.Block] = [blocks.Numbers("What people said", figures)]
    for title, counts in (("Records by kind of event", kept), ("Events left out, and why", skipped)):
        if counts:
            found.append(blocks.Bars(title, tuple(counts), (blocks.Series("events", tuple(counts.values())),)))
    return found
