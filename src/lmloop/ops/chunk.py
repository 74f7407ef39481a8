"""Long documents in pieces, with an overlap where wanted."""

from typing import Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import NonNegativeInt, PositiveInt, model_validator

from lmloop.core.batch import SCHEMA, Batch, with_text
from lmloop.core.op import Split
from lmloop.kernels.chunks import copy_ranges, unit_starts, windows
from lmloop.kernels.text import text_buffer


class Chunk(Split):
    """Cut documents into chunks of ``size`` units, each beginning with the last ``overlap`` units of the one before.

    A ``unit`` is a character (code point), a word (a CJK character counts as one), a sentence or a paragraph. Chunks
    without an overlap are, one behind the other, the document. The chunks of the document ``id`` are called ``id#0``,
    ``id#1``, ...
    """

    unit: Literal["characters", "words", "sentences", "paragraphs"] = "characters"
    size: PositiveInt = 8000
    overlap: NonNegativeInt = 0

    @model_validator(mode="after")
    def _moves_on(self) -> Self:
        if self.overlap >= self.size:
            raise ValueError("overlap must be less than size")
        return self

    @classmethod
    def example(cls) -> Self:
        """Give one that cuts the battery's texts."""
        return cls(unit="words", size=50, overlap=5)

    def split(self, batch: Batch) -> Batch:
        """Cut each text, and repeat the other columns for each piece."""
        buffer = text_buffer(batch.column("text"))
        starts, first = unit_starts(buffer, self.unit)
        document, place, begin, stop = windows(buffer, starts, first, self.size, self.overlap)
        made = with_text(batch.take(pa.array(document)), copy_ranges(buffer, begin, stop))
        several = np.bincount(document, minlength=batch.num_rows)[document] > 1
        ids = made.column("id").to_pylist()
        named = [f"{name}#{k}" if cut else name for name, k, cut in zip(ids, place.tolist(), several, strict=True)]
        return made.set_column(0, SCHEMA.field("id"), pa.array(named, pa.string()))
