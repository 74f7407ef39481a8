"""Long documents in pieces that end where a sentence or paragraph does, with an overlap where wanted."""

from functools import cache
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import NonNegativeInt, PositiveInt, model_validator

from lmloop.core.batch import SCHEMA, Batch, with_text
from lmloop.core.extras import need
from lmloop.core.op import Split
from lmloop.core.outside import OutsideFile
from lmloop.kernels.chunks import bordered_windows, copy_ranges, unit_starts, windows
from lmloop.kernels.text import Integers, TextBuffer, text_buffer


class Chunk(Split):
    """Cut documents into chunks of up to ``size`` units, each beginning with the last ``overlap`` of the one before.

    A ``unit`` is a character (code point), a word (a CJK character counts as one), a sentence, a paragraph, or a token
    of the ``tokenizer`` in a file (``tokenizer.json``; needs the extra ``train``). With ``border`` "sentences",
    "lines" or "paragraphs" a chunk ends, and its overlap begins, at the last such border that lies within its size,
    in Chinese as in English; a longer sentence is cut where the size says. Chunks without an overlap are, one behind
    the other, the document. The chunks of the document ``id`` are called ``id#0``, ``id#1``, ...
    """

    unit: Literal["characters", "words", "sentences", "paragraphs", "tokens"] = "characters"
    size: PositiveInt = 8000
    overlap: NonNegativeInt = 0
    border: Literal["unit", "sentences", "lines", "paragraphs"] = "unit"
    tokenizer: OutsideFile | None = None

    @model_validator(mode="after")
    def _moves_on(self) -> Self:
        if self.overlap >= self.size:
            raise ValueError("overlap must be less than size")
        if (self.unit == "tokens") != (self.tokenizer is not None):
            raise ValueError('unit "tokens" and a tokenizer belong together')
        return self

    @classmethod
    def example(cls) -> Self:
        """Give one that cuts the battery's texts."""
        return cls(unit="words", size=50, overlap=5, border="sentences")

    def split(self, batch: Batch) -> Batch:
        """Cut each text, and repeat the other columns for each piece."""
        buffer = text_buffer(batch.column("text"))
        document, place, begin, stop = self._windows(buffer, batch)
        made = with_text(batch.take(pa.array(document)), copy_ranges(buffer, begin, stop))
        several = np.bincount(document, minlength=batch.num_rows)[document] > 1
        ids = made.column("id").to_pylist()
        named = [f"{name}#{k}" if cut else name for name, k, cut in zip(ids, place.tolist(), several, strict=True)]
        return made.set_column(0, SCHEMA.field("id"), pa.array(named, pa.string()))

    def _windows(self, buffer: TextBuffer, batch: Batch) -> tuple[Integers, Integers, Integers, Integers]:
        if self.tokenizer is None:
            starts, first = unit_starts(buffer, self.unit)
        else:
            starts, first = _token_starts(buffer, batch.column("text").to_pylist(), self.tokenizer)
        if self.border == "unit":
            return windows(buffer, starts, first, self.size, self.overlap)
        borders, _ = unit_starts(buffer, self.border)
        return bordered_windows(buffer, starts, borders, self.size, self.overlap)


def _token_starts(buffer: TextBuffer, texts: list[str | None], file: OutsideFile) -> tuple[Integers, Integers]:
    """Give the first byte of each token, or of the character that it is a part of, as :func:`unit_starts` does."""
    starts, first = [], [0]
    encoded = _tokenizer(file).encode_batch([text or "" for text in texts], add_special_tokens=False)
    characters, where = unit_starts(buffer, "characters")
    for document, encoding in enumerate(encoded):
        places = np.array([start for start, _ in encoding.offsets], np.int64)
        inside = np.append(characters[where[document] : where[document + 1]], buffer.offsets[document + 1])
        starts.append(inside[places] if len(places) else places)
        first.append(first[-1] + len(places))
    return np.concatenate(starts or [np.empty(0, np.int64)]), np.array(first, np.int64)


@cache
def _tokenizer(file: OutsideFile) -> Any:
    return need("tokenizers", "train").Tokenizer.from_file(str(file.path))
