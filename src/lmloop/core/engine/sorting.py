"""Rows that a step keeps or leaves out, each of the latter with its reason: written shard by shard."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from lmloop.core.batch import from_records
from lmloop.core.engine.shards import DATA, DROPPED, ShardWriter, prune
from lmloop.core.op import DROP_OP, DROP_REASON
from lmloop.core.record import Record


class Sorting:
    """Writes the shards of a step called ``name``: what it keeps into ``data``, what it leaves out into ``dropped``."""

    def __init__(self, out: Path, name: str) -> None:
        self.out, self.name = out, name
        self.reasons: Counter[str] = Counter()
        self.kept = 0
        self._files: dict[str, list[str]] = {DATA: [], DROPPED: []}

    def write(self, kept: Sequence[Record], left: Sequence[tuple[Record, str]] = ()) -> None:
        """Write the next shard."""
        file = f"{len(self._files[DATA]):05d}.parquet"
        with ShardWriter(self.out / DATA / file) as writer:
            writer.write(from_records(kept))
        self._files[DATA].append(file)
        self.kept += len(kept)
        if not left:
            return
        batch = from_records([record for record, _ in left])
        batch = batch.append_column(DROP_OP, pa.array([self.name] * len(left), pa.string()))
        batch = batch.append_column(DROP_REASON, pa.array([why for _, why in left], pa.string()))
        with ShardWriter(self.out / DROPPED / file) as writer:
            writer.write(batch)
        self._files[DROPPED].append(file)
        self.reasons.update(why for _, why in left)

    def done(self) -> dict[str, int]:
        """Remove what an unfinished run left beside, and give the counts: rows, and those left out by reason."""
        for folder, files in self._files.items():
            prune(self.out / folder, files)
        return {"records": self.kept, **{f"drop/{self.name}/{why}": count for why, count in self.reasons.items()}}
