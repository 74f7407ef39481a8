"""Compare tokenizers: side by side on the same texts, by language or source, with intervals."""

import json
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.outside import OutsideFile
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.tokenizing.formats import AnyTokenizer, open_tokenizer
from lmloop.kernels.tokenizing.toy import byte_tokenizer
from lmloop.report import blocks
from lmloop.stages.compare_tokenizers.measuring import Texts, measure
from lmloop.stages.compare_tokenizers.seeing import describe

SCORES, MODEL = "scores.json", "tokenizer.model"


class CompareTokenizers(Step):
    """Measure tokenizers on records that they were not trained on; the first is what the others are held against.

    They are those of steps (``from``) and of ``files``: ``tokenizer.json`` (Hugging Face), ``*.model`` (SentencePiece)
    and ``*.tiktoken`` files.
    The records are told apart by ``by``, a key of meta; ``language`` is that which the op ``language`` found, or what
    the script tells.
    ``against`` is the group whose tokens those of the others are divided by (parity).
    ``pair`` is a key of meta that is the same for texts that say the same; without one there is no parity.
    ``width`` is that of the model whose embedding is weighed.
    At most ``max_mb`` megabytes are measured, from the first on.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokenizer", "records")
    makes: ClassVar[Kind] = "scores"
    needs: ClassVar[tuple[Kind, ...]] = ("records",)

    files: list[OutsideFile] = []
    by: str = "language"
    against: str = "en"
    pair: str = ""
    width: int = Field(default=768, ge=1)
    max_mb: float = Field(default=20.0, gt=0)

    @classmethod
    def example(cls) -> Self:
        """Give one that measures a tokenizer of single bytes."""
        return cls.model_validate({"files": [str(byte_tokenizer())]})

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Measure each tokenizer on each group."""
        tokenizers = self._open(inputs)
        records = [item.path for item in inputs if item.kind == "records"]
        texts = Texts.read(records, (self.by, self.pair), int(self.max_mb * 1e6), context)
        if not tokenizers or not texts.groups:
            raise DataError(
                "there must be a tokenizer, and records to measure it on",
                hint="name the steps in 'from'; other tokenizers can be given as 'files'",
            )
        found = {name: measure(tokenizer, texts, self.against, self.width) for name, tokenizer in tokenizers.items()}
        with draft(out / SCORES) as place:
            rows = {name: measured.plain() for name, measured in found.items()}
            place.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        blocks.write(out / BLOCKS, describe(tokenizers, found, texts))
        return {
            f"{name}/{group}/bytes_per_token": round(row.bytes_per_token.value, 4)
            for name, measured in found.items()
            for group, row in measured.groups.items()
        }

    def _open(self, inputs: list[Artifact]) -> dict[str, AnyTokenizer]:
        """Open all of them; two of one name are told apart by a number."""
        given = {item.id or item.path.name: item.path for item in inputs if item.kind == "tokenizer"}
        found: dict[str, AnyTokenizer] = {}
        for name, folder in given.items():
            found[name] = open_tokenizer(folder / MODEL if (folder / MODEL).exists() else folder)
        for file in self.files:
            stem = file.path.parent.name if file.path.name == "tokenizer.json" else file.path.stem
            name = next(name for n in range(1, 1000) if (name := stem if n == 1 else f"{stem}-{n}") not in found)
            found[name] = open_tokenizer(file.path)
        return found
