"""Tokenizer: learn the pieces that text is made of."""

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from lmloop.core.draft import draft
from lmloop.core.outside import OutsideFile
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.tokenizing import Tokenizer, folder, training
from lmloop.kernels.tokenizing.counting import PieceCounter
from lmloop.kernels.tokenizing.cutting import known_cuts
from lmloop.kernels.tokenizing.patterns import Digits, Preset, pattern
from lmloop.kernels.tokenizing.training import Algorithm, Trainer
from lmloop.report import blocks
from lmloop.stages.tokenizer.drawing import Draw
from lmloop.stages.tokenizer.seeing import describe

MANIFEST, COUNTS = "sample.json", "training_counts.npy"


class TrainTokenizer(Step):
    """Train a byte-level tokenizer on the texts of records.

    ``vocab_size`` counts all ids, special and spare ones included, and is raised to a multiple of ``multiple``.
    ``algorithm`` is ``bpe`` or ``unigram``.
    ``preset`` says how text is cut into pieces before any merging: ``gpt4``, ``gpt2``, ``cjk`` or ``code``.
    ``digits`` is the most digits in a piece (0: any number).
    ``trainer`` learns byte pairs: ``compiled`` (ours), ``tokenizers`` (the reference, which learns the same merges) or
    ``rustbpe``; unigrams are always learned by ``sentencepiece``.
    A pair that occurs less than ``least`` times becomes no token.
    ``specials`` are special tokens beside ``<|bos|>``, ``<|eos|>`` and ``<|pad|>``.
    ``spares`` is how many unused ones are kept for later.
    ``template`` is a file with a chat template in Jinja's language (none: ChatML).
    At most ``max_mb`` megabytes are drawn from the records, divided among the groups that ``by`` names.
    ``by`` is a key of meta; ``language`` is that which the op ``language`` found, or what the script tells.
    ``quota`` gives the parts of groups (empty: by size).
    ``temperature`` over 1 gives small groups more than their size would.
    ``most_pieces`` bounds the memory: of more different pieces, about 200 bytes each, the rarest are forgotten.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("records",)
    makes: ClassVar[Kind] = "tokenizer"

    vocab_size: int = Field(default=8192, ge=320, le=1 << 20)
    algorithm: Algorithm = "bpe"
    preset: Preset = "gpt4"
    digits: Digits = 2
    trainer: Trainer = "compiled"
    least: int = Field(default=2, ge=1)
    specials: list[str] = ["<|im_start|>", "<|im_end|>"]
    spares: int = Field(default=16, ge=0, le=4096)
    multiple: int = Field(default=64, ge=1, le=4096)
    template: OutsideFile | None = None
    by: str = "language"
    quota: dict[str, float] = {}
    temperature: float = Field(default=1.0, ge=1.0)
    max_mb: float = Field(default=2000.0, gt=0)
    most_pieces: int = Field(default=1 << 21, ge=1 << 12)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.vocab_size < 256 + len(self._names()) + 1:
            raise ValueError("vocab_size must hold 256 bytes, the special tokens and the spares")
        if self.algorithm == "unigram" and self.trainer not in ("compiled", "sentencepiece"):
            raise ValueError("unigrams are learned by sentencepiece")
        if self.algorithm == "bpe" and self.trainer == "sentencepiece":
            raise ValueError("byte pairs are learned by compiled, tokenizers or rustbpe")
        return self

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Draw texts, train, write the tokenizer, and say what it is."""
        draw = Draw.of([item.path for item in inputs], self.by, context)
        taken = draw.take(int(self.max_mb * 1e6), self.quota, self.temperature)
        plan = training.Plan(
            self.vocab_size, pattern(self.preset, self.digits), self._names(), self.multiple, self.least
        )
        counter = PieceCounter(known_cuts()[plan.pattern], self.most_pieces)
        core = self._train(draw, counter, plan)
        template = self.template.path.read_text(encoding="utf-8") if self.template else folder.CHATML
        folder.write(core, out, folder.config(self.specials), template)
        tokenizer = Tokenizer.load(out)
        counts = tokenizer.count_pieces(counter.counted())
        with draft(out / COUNTS) as place, place.open("wb") as file:
            np.save(file, counts)
        _write_json(out / MANIFEST, draw.manifest(taken, counter.forgotten))
        seen = describe(tokenizer, counts, taken)
        blocks.write(out / BLOCKS, seen.blocks)
        return {"vocab_size": tokenizer.vocab_size, "bytes": sum(share.taken for share in taken), **seen.metrics}

    def _names(self) -> list[str]:
        spares = (f"<|spare_{n}|>" for n in range(self.spares))
        return list(dict.fromkeys([training.BOS, training.EOS, training.PAD, *self.specials, *spares]))

    def _train(self, draw: Draw, counter: PieceCounter, plan: training.Plan) -> Any:
        if self.algorithm == "bpe" and self.trainer in training.TRAINERS:
            return training.TRAINERS[self.trainer](draw.texts(counter), plan)
        draw.count(counter)
        learn = training.train_unigram if self.algorithm == "unigram" else training.train
        return learn(counter.counted(), plan)


def _write_json(path: Path, value: Any) -> None:
    with draft(path) as place:
        place.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
