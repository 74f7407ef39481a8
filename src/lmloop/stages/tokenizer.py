"""Tokenizer: learn the pieces that text is made of."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from lmloop.core.engine.shards import list_shards, read_shard
from lmloop.core.errors import DataError
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.tokenizing import training
from lmloop.kernels.tokenizing.patterns import Digits, Preset, pattern
from lmloop.report import blocks


class TrainTokenizer(Step):
    """Train a byte-level tokenizer on the texts of records.

    ``vocab_size`` counts all ids, special and spare ones included, and is raised to a multiple of ``multiple``.
    ``preset`` says how text is cut into pieces before any merging: ``gpt4``, ``gpt2``, ``cjk`` or ``code``.
    ``digits`` is the most digits in a piece (0: any number).
    ``spares`` is how many unused special tokens are kept for later.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("records",)
    makes: ClassVar[Kind] = "tokenizer"

    vocab_size: int = Field(default=8192, ge=320, le=1 << 20)
    preset: Preset = "gpt4"
    digits: Digits = 2
    spares: int = Field(default=16, ge=0, le=4096)
    multiple: int = Field(default=64, ge=1, le=4096)

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Train, write the tokenizer, and say what it is."""
        specials = training.Specials(spares=self.spares)
        plan = training.Plan(self.vocab_size, pattern(self.preset, self.digits), "bpe", self.multiple, specials)
        read = {"bytes": 0}
        core = training.train(_texts(inputs, read), plan)
        if not read["bytes"]:
            raise DataError("there is no text to train on")
        training.write(core, out, specials)
        size = core.get_vocab_size(with_added_tokens=True)
        figures = (blocks.Figure("tokens", size), blocks.Figure("text", read["bytes"], "B"))
        blocks.write(out / BLOCKS, [blocks.Numbers("The tokenizer", figures)])
        return {"vocab_size": size, "bytes": read["bytes"]}


def _texts(inputs: Sequence[Artifact], read: dict[str, int]) -> Iterator[str]:
    for shard in list_shards(item.path for item in inputs):
        for batch in read_shard(shard.path):
            for text in batch.column("text").to_pylist():
                if text:
                    read["bytes"] += len(text.encode())
                    yield text
