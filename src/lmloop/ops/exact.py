"""Keep one of any documents with the same text."""

from typing import ClassVar

import numpy as np
import pyarrow as pa

from lmloop.core.batch import Batch
from lmloop.core.op import Numbers
from lmloop.kernels.copies import Copies, content_keys, ranks
from lmloop.kernels.hashing import hash128
from lmloop.kernels.normal import normal_form
from lmloop.kernels.text import text_buffer


class Exact(Copies):
    """Keep one of any documents with the same text, by a 128-bit hash.

    With ``loose``, texts are the same that differ only in case, accents, digits, punctuation and white space.
    """

    version: ClassVar[int] = 2
    reasons: ClassVar[tuple[str, ...]] = ("duplicate",)

    loose: bool = False

    def map(self, batch: Batch, numbers: Numbers) -> pa.Table:
        """Key each row by the hash of its text."""
        buffer = text_buffer(batch.column("text"))
        hashes = hash128(normal_form(buffer) if self.loose else buffer)
        return content_keys(hashes, numbers, ranks(batch, self.keep), np.ones(len(numbers), np.bool_))
