"""Toy: a base model of n-grams of characters, made in a second and with no torch."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from lmloop.core.batch import rows
from lmloop.core.engine.shards import list_shards, read_shard
from lmloop.core.errors import DataError
from lmloop.core.record import Record
from lmloop.core.step import Artifact, Context, Kind, Metrics, Step
from lmloop.core.weights import write_model
from lmloop.models.toy import Toy as ToyModel
from lmloop.models.toy import count, write_counts


class Toy(Step):
    """Count characters after up to ``order`` others, in at most ``characters`` of what is read.

    Of a document it reads the text, of a reply the prompt and the text, and of a preference the prompt with the choice
    that was preferred. A stand-in for pretraining and tuning where the shape of a recipe is what matters.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("records",)
    makes: ClassVar[Kind] = "weights"

    order: int = Field(3, ge=0, le=8)
    characters: int = Field(2_000_000, ge=1)

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Count, and write the counts and the name of the model that reads them."""
        texts = list(self._texts(inputs))
        if not texts:
            raise DataError("there is no text to learn from", hint="look at what the step before has dropped, and why")
        counts = count(texts, self.order)
        write_counts(out, counts)
        write_model(out, {"use": ToyModel.name(), "order": self.order})
        return {"texts": len(texts), "characters": sum(map(len, texts)), "contexts": len(counts)}

    def _texts(self, inputs: Sequence[Artifact]) -> Iterator[str]:
        left = self.characters
        for shard in list_shards([item.path for item in inputs]):
            for batch in read_shard(shard.path):
                for record in rows(batch):
                    if left <= 0:
                        return
                    if text := _reading(record)[:left]:
                        left -= len(text)
                        yield text


def _reading(record: Record) -> str:
    preferred = record.choices[record.answer] if record.answer is not None else ""
    return " ".join([*(turn.text for turn in record.prompt), record.text or preferred])
