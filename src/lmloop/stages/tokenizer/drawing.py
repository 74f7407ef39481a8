"""The texts that a tokenizer is trained on, and the manifest that says which."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import Batch
from lmloop.core.engine.shards import Shard, list_shards, read_shard
from lmloop.core.step import Context
from lmloop.kernels.hashing import xxh64
from lmloop.kernels.text import Hashes, text_buffer
from lmloop.kernels.tokenizing.counting import PieceCounter
from lmloop.kernels.tokenizing.sampling import Share, Tally, bins, group_names, shares


@dataclass
class Draw:
    """Shards to draw from, the tally of what they hold, and what was decided to take."""

    shards: list[Shard]
    by: str
    context: Context
    tally: Tally = field(default_factory=Tally)
    below: dict[str, int] = field(default_factory=dict)
    documents: int = 0

    @classmethod
    def of(cls, folders: Sequence[Path], by: str, context: Context) -> "Draw":
        """Look through all records once."""
        draw = cls(list_shards(folders), by, context)
        for batch in draw._batches("look"):
            sizes = pc.fill_null(pc.binary_length(batch.column("text")), 0).to_numpy().astype(np.int64)
            draw.tally.add(group_names(batch, by), draw._places(batch), sizes)
        return draw

    def take(self, most: int, quota: Mapping[str, float], temperature: float) -> list[Share]:
        """Decide how much of each group to take."""
        found = shares(self.tally, most, quota, temperature)
        self.below = {share.group: share.below for share in found}
        return found

    def count(self, counter: PieceCounter) -> None:
        """Count the pieces of what is taken."""
        for texts in self._taken():
            counter.add(text_buffer(texts))

    def texts(self, counter: PieceCounter) -> Iterator[str]:
        """Stream what is taken, and count its pieces."""
        for texts in self._taken():
            counter.add(text_buffer(texts))
            yield from texts.to_pylist()

    def manifest(self, taken: Sequence[Share], forgotten: int) -> dict[str, Any]:
        """Say what was drawn, and from what."""
        return {
            "seed": self.context.seed,
            "by": self.by,
            "documents": self.documents,
            "bytes": sum(share.taken for share in taken),
            "forgotten_pieces": forgotten,
            "groups": [asdict(share) for share in taken],
            "shards": [{"rows": shard.rows, "bytes": shard.size} for shard in self.shards],
        }

    def _taken(self) -> Iterator[pa.Array]:
        self.documents = 0
        for batch in self._batches("read"):
            limits = np.array([self.below[name] for name in group_names(batch, self.by)], np.int64)
            texts = batch.column("text").filter(pa.array(bins(self._places(batch)) < limits)).fill_null("")
            self.documents += len(texts)
            yield texts

    def _batches(self, label: str) -> Iterator[Batch]:
        with self.context.progress.bar(label, sum(shard.size for shard in self.shards) / 1e6, "MB") as bar:
            for shard in self.shards:
                yield from read_shard(shard.path)
                bar.advance(shard.size / 1e6)

    def _places(self, batch: Batch) -> Hashes:
        return xxh64(text_buffer(batch.column("id")), self.context.seed)
