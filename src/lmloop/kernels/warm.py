"""Compile all kernels once, so that worker processes only load them."""

import numpy as np
import pyarrow as pa

from lmloop.kernels.groups import Edges, connected_components
from lmloop.kernels.hashing import hash128
from lmloop.kernels.minhash import minhash, shingles
from lmloop.kernels.normal import normal_form
from lmloop.kernels.quality import quality_statistics
from lmloop.kernels.repetition import repetition_statistics
from lmloop.kernels.text import code_points, text_buffer
from lmloop.kernels.words import segment


def warm() -> None:
    """Run every kernel on one line: seconds where they must be compiled, a moment where they are kept on disk."""
    buffer = text_buffer(pa.array(["A line. 一行。"]))
    tokens = segment(buffer)
    quality_statistics(buffer, tokens)
    repetition_statistics(buffer, tokens)
    code_points(buffer)
    hash128(normal_form(buffer))
    minhash(buffer)
    shingles(buffer)
    row = np.zeros(1, np.uint64)
    list(connected_components([Edges(row, row)]))
